# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
#
# What the mount tests share. Sourced with the root of the tree as working
# directory; WCONVFS, WCONV, READERS and MODEL may be given.
#
# Each check prints `ok - text` or `not ok - text` and lines about it. A test
# has a temporary directory $tmp, removed at the end with all that is mounted
# in it, and an empty directory $mnt there.

LC_ALL=C
export LC_ALL
BUILD=${BUILD:-build}
WCONVFS=${WCONVFS:-$BUILD/wconvfs}
WCONV=${WCONV:-$BUILD/wconv}
READERS=${READERS:-$BUILD/tests/readers}
MODEL=${MODEL:-tests/golden/llama3-gqa-bf16/hf}
failed=0
pid=
tmp=$(mktemp -d) || exit 1
tmp=$(realpath "$tmp")
mnt=$tmp/mnt
mkdir "$mnt"
printf '%s' "$tmp/mnt" >"$tmp/mnt-pattern"

# A daemon has no standard error: sanitizers write their reports here.
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}log_path=$tmp/sanitizer"
export UBSAN_OPTIONS="${UBSAN_OPTIONS:+$UBSAN_OPTIONS:}log_path=$tmp/sanitizer"
export TSAN_OPTIONS="${TSAN_OPTIONS:+$TSAN_OPTIONS:}log_path=$tmp/sanitizer"

ok() {
	echo "ok - $1"
}

not_ok() {
	echo "not ok - $1"
	failed=1
}

skip() {
	echo "skip - $1: $2"
}

# check TEXT COMMAND... - the command must succeed.
check() {
	text=$1
	shift
	if "$@" >"$tmp/out" 2>&1; then
		ok "$text"
	else
		not_ok "$text"
		sed 's/^/# /' "$tmp/out" | head -n 20
	fi
}

# equal TEXT WANT GOT - two strings must be the same.
equal() {
	if [ "$2" = "$3" ]; then
		ok "$1"
	else
		not_ok "$1"
		printf '# want: %s\n# got:  %s\n' "$2" "$3"
	fi
}

# wait_until COMMAND... - for at most 10 seconds, a minute with sanitizers.
wait_until() {
	tries=${SANITIZED:+1200}
	tries=${tries:-200}
	until "$@" 2>/dev/null; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || return 1
		sleep 0.05
	done
}

mounted() {
	mountpoint -q "$mnt"
}

not_mounted() {
	! mounted
}

# No process serves $mnt any more: a daemon unmounts first, and then ends.
nobody_serves() {
	! grep -qsaF -f "$tmp/mnt-pattern" /proc/[0-9]*/cmdline
}

# processes NAME - of those that serve $mnt: wconvfs or wconvfs-keeper.
processes() {
	# shellcheck disable=SC2013 # paths without blanks
	for p in $(grep -lsaF -f "$tmp/mnt-pattern" /proc/[0-9]*/cmdline); do
		p=${p%/cmdline}
		[ "$(cat "$p/comm" 2>/dev/null)" != "$1" ] || echo "${p#/proc/}"
	done
}

# serve ARG... - mount at $mnt in a foreground process, $pid.
serve() {
	"$READERS" default-signals "$WCONVFS" -f "$@" "$mnt" 2>"$tmp/err" &
	pid=$!
	wait_until [ -e "$mnt/.wconvfs/version" ] && return
	not_ok "mounted with $*"
	sed 's/^/# /' "$tmp/err"
	finish
}

ended() {
	[ ! -e "/proc/$pid" ] || grep -q '^State:.Z' "/proc/$pid/status"
}

# reap - wait for the end of what serve started; its exit code is in $code.
reap() {
	code=0
	wait_until ended || { not_ok 'wconvfs ends' && kill -KILL "$pid"; }
	wait "$pid" 2>/dev/null || code=$?
	pid=
}

# stop [SIGNAL] - end what serve started; its exit code is in $code.
stop() {
	kill -"${1:-TERM}" "$pid"
	reap
}

# daemon ARG... - mount at $mnt as a daemon; the exit code is in $code.
daemon() {
	code=0
	"$WCONVFS" "$@" "$mnt" 2>"$tmp/err" || code=$?
}

unmount() {
	if [ "$(id -u)" = 0 ]; then
		umount "$mnt"
	else
		fusermount3 -u "$mnt"
	fi
	wait_until nobody_serves
}

# sentence TEXT CODE [WORD] - the last daemon ended with CODE and exactly one
# line on standard error, which has WORD in it.
sentence() {
	if [ "$code" != "$2" ]; then
		not_ok "$1: exit code $2, not $code"
	elif [ "$(wc -l <"$tmp/err")" != 1 ]; then
		not_ok "$1: one line on standard error"
	elif ! grep -q '^wconvfs: ' "$tmp/err"; then
		not_ok "$1: a line of wconvfs"
	elif ! grep -qF -e "${3:-}" "$tmp/err"; then
		not_ok "$1: a sentence with '$3'"
	else
		ok "$1"
		return
	fi
	sed 's/^/# /' "$tmp/err"
}

is_root() {
	[ "$(id -u)" = 0 ]
}

has() {
	command -v "$1" >/dev/null 2>&1
}

# Leave with 77 where valgrind is missing, or would have to run a sanitizer.
need_valgrind() {
	if [ -n "${SANITIZED:-}" ]; then
		echo 'a sanitizer does not run in valgrind'
		exit 77
	fi
	if ! has valgrind; then
		echo 'valgrind is missing'
		exit 77
	fi
}

# Leave with 77 where failing.so cannot take the place of malloc.
need_own_malloc() {
	if [ -n "${SANITIZED:-}" ]; then
		echo 'a sanitizer has a malloc of its own'
		exit 77
	fi
}

# Leave with 77 where nothing can be mounted.
need_fuse() {
	if [ ! -c /dev/fuse ] || ! (exec 3<>/dev/fuse) 2>/dev/null; then
		echo 'cannot open /dev/fuse'
		exit 77
	fi
	daemon "$MODEL"
	if [ $code = 5 ] && grep -q 'not permitted' "$tmp/err"; then
		echo 'may not mount, though /dev/fuse is there'
		exit 77
	fi
	if [ $code != 0 ]; then
		not_ok "$MODEL can be mounted"
		sed 's/^/# /' "$tmp/err"
		finish
	fi
	unmount
}

cleanup() {
	[ -z "$pid" ] || kill -KILL "$pid" 2>/dev/null
	awk -v t="$tmp/" 'index($5, t) == 1 { print $5 }' \
		/proc/self/mountinfo | while IFS= read -r m; do
		m=$(printf %b "$m") # mountinfo has \040 for a blank
		umount -l "$m" 2>/dev/null || fusermount3 -u -z "$m"
	done
	rm -rf --one-file-system "$tmp"
}
trap cleanup EXIT
trap 'exit 1' HUP INT TERM

finish() {
	for log in "$tmp"/sanitizer.*; do
		[ -e "$log" ] || break
		not_ok "no report of a sanitizer"
		head -n 60 "$log"
	done
	exit $failed
}

# numbers COUNT - that many bytes that no two places share: for weights.
numbers() {
	awk -v n="$1" 'BEGIN {
		for (i = 0; n > 0; i++) {
			s = sprintf("%08x%08x", (i * 40503) % 4294967296, i)
			printf "%s", substr(s, 1, n)
			n -= 16
		}
	}'
}

# make_model DIR [NAME SHAPE ELEMENTS] - a llama model of a few MB, in one
# file, and one tensor more of that name.
make_model() {
	mkdir -p "$1"
	cat >"$1/config.json" <<-END
		{"architectures": ["LlamaForCausalLM"], "model_type": "llama",
		 "hidden_size": 512, "intermediate_size": 1408,
		 "num_attention_heads": 8, "num_key_value_heads": 2,
		 "num_hidden_layers": 1, "vocab_size": 1600,
		 "rms_norm_eps": 1e-05, "rope_theta": 10000.0,
		 "tie_word_embeddings": false, "torch_dtype": "bfloat16"}
	END
	layer=model.layers.0
	{
		echo model.embed_tokens.weight 1600,512 819200
		echo $layer.input_layernorm.weight 512 512
		echo $layer.self_attn.q_proj.weight 512,512 262144
		echo $layer.self_attn.k_proj.weight 128,512 65536
		echo $layer.self_attn.v_proj.weight 128,512 65536
		echo $layer.self_attn.o_proj.weight 512,512 262144
		echo $layer.post_attention_layernorm.weight 512 512
		echo $layer.mlp.gate_proj.weight 1408,512 720896
		echo $layer.mlp.up_proj.weight 1408,512 720896
		echo $layer.mlp.down_proj.weight 512,1408 720896
		echo model.norm.weight 512 512
		echo lm_head.weight 1600,512 819200
		[ $# = 1 ] || echo "$2 $3 $4"
	} >"$tmp/tensors"
	write_safetensors "$1/model.safetensors" <"$tmp/tensors"
}

# write_safetensors FILE - bf16 tensors, a line "name shape elements" each.
# With SPARSE set the data is a hole.
write_safetensors() {
	awk '{
		printf "%s\"%s\":{\"dtype\":\"BF16\",\"shape\":[%s],",
			(at ? "," : "{"), $1, $2
		printf "\"data_offsets\":[%.0f,%.0f]}", at, at + 2 * $3
		at += 2 * $3
	} END { print "}"; printf "%.0f\n", at }' >"$tmp/header-and-size"
	size=$(tail -n 1 "$tmp/header-and-size")
	head -n 1 "$tmp/header-and-size" | tr -d '\n' >"$tmp/header"
	n=$(wc -c <"$tmp/header")
	while [ $((n % 8)) != 0 ]; do
		printf ' ' >>"$tmp/header"
		n=$((n + 1))
	done
	{
		# shellcheck disable=SC2059 # the format is the bytes
		printf "\\$(printf %o $((n % 256)))\\$(printf %o $((n / 256)))"
		printf '\0\0\0\0\0\0'
		cat "$tmp/header"
		[ -n "${SPARSE:-}" ] || numbers "$size"
	} >"$1"
	truncate -s $((8 + n + size)) "$1"
}
