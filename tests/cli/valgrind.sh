#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The programs read no byte that was never written, and lose no memory, under
# valgrind: what AddressSanitizer does not see.
set -u
. tests/mount/lib.sh

need_valgrind

clean() {
	check "valgrind has nothing to say of wconv $*" valgrind -q \
		--leak-check=full --errors-for-leak-kinds=definite,possible \
		--error-exitcode=99 "$WCONV" "$@"
}

golden=tests/golden
for model in llama3-gqa-bf16 mixtral-gmm; do
	clean hash --dtype=fp32 $golden/$model/hf
	clean list --json $golden/$model/hf
	clean explain $golden/$model/hf lm_head.weight
done
clean hash --to=raw $golden/formats/torch/views.pt
finish
