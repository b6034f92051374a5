#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Each rule of tests/check.sh finds a file that breaks it, and only then.
set -u

here=$(cd "$(dirname "$0")" && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
failed=0
spdx='/* SPDX-License-Identifier: Apache-2.0 */'

# check FILE WANT LINE... - the rules on a tree of one file; WANT is a part of
# the finding, or nothing.
check() {
	file=$1 want=$2
	shift 2
	rm -rf "$tmp/tree"
	mkdir -p "$tmp/tree/$(dirname "$file")"
	printf '%s\n' "$@" >"$tmp/tree/$file"
	sh "$here/check.sh" "$tmp/tree" >"$tmp/out" 2>&1
	code=$?
	if [ -z "$want" ] && [ $code = 0 ]; then
		for last; do :; done
		echo "ok - $file may hold: $last"
	elif [ -n "$want" ] && [ $code = 1 ] && grep -q "$want" "$tmp/out"; then
		echo "ok - $file may not: $want"
	else
		failed=1
		echo "not ok - $file: exit code $code, wanted: ${want:-nothing}"
		cat "$tmp/out"
	fi
}

wide=$(printf '%90s' x | tr ' ' x)

check src/core/a.c 'may not include' "$spdx" '#include "formats/npy.h"'
check src/core/a.c '' "$spdx" '#include "core/str.h"' '#include <errno.h>'
check formats/a.c 'may not include' "$spdx" '#include "models/pattern.h"'
check models/a.c 'may not include' "$spdx" '#include "formats/npy.h"'
check src/view/a.c 'may not include' "$spdx" '#include "fs/ops.h"'
check src/view/a.c 'may not include' "$spdx" '#include <fuse_lowlevel.h>'
check src/cli/a.c 'may not include' "$spdx" '# include "models/pattern.h"'
check fs/a.c 'may not include' "$spdx" '#include "formats/npy.h"'
check fs/a.c '' "$spdx" '#include <fuse_lowlevel.h>' '#include "view/view.h"'
check src/cli/a.c 'unsafe' "$spdx" 'strcpy(a, b);'
check src/cli/a.c '' "$spdx" '/* strcpy(a, b); */' 'f("gets(x)");'
check tests/unit/a.c 'cannot tell' "$spdx" 'n = atoi (s);'
check src/core/a.c 'only main' "$spdx" 'exit(1);'
check fs/a.c 'only main' "$spdx" 'printf("x");'
check fs/main.c '' "$spdx" 'printf("x"); exit(1);'
check src/core/a.c 'writes a log' "$spdx" 'fprintf(stderr, "x");'
check src/core/log.c '' "$spdx" 'fprintf(stderr, "x");'
check src/core/a.c 'not the SPDX' '/* nothing */'
check src/core/a.c 'over 80' "$spdx" "int $wide;"
check src/core/a.c '' "$spdx" "{ $wide },"
check src/core/a.c 'over 100' "$spdx" "{ $wide$wide },"
check src/core/a.c 'a // comment' "$spdx" 'int x; // x'
check src/core/a.c '' "$spdx" 'f("http://x");'
check src/core/a.c 'at the end' "$spdx" 'int x; '
check models/a.json 'over 160' "$wide$wide"
check tests/a.sh 'no SPDX' '#!/bin/sh'
check tests/a.sh '' '#!/bin/sh' '# SPDX-License-Identifier: Apache-2.0'
# shellcheck disable=SC2046 # 601 lines
check src/core/a.c 'more than 600' "$spdx" $(seq 601)
exit $failed
