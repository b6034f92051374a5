/* SPDX-License-Identifier: Apache-2.0 */
/* Values, stack and memo of the pickle machine; see pickle_priv.h. */
#include <errno.h>
#include <stdlib.h>

#include "core/checked.h"
#include "formats/pickle_priv.h"

int vm_truncated(struct vm *vm)
{
	vm->out->truncated = true;
	return REFUSE(vm, "%s", "it ends before its STOP: the file is cut off");
}

/* ---- memory ---- */

static bool count_bytes(struct vm *vm, size_t n)
{
	if (n > PICKLE_MAX_MEMORY - vm->nbytes) {
		REFUSE(vm, "its objects take more than %zu MiB",
		       PICKLE_MAX_MEMORY >> 20);
		return false;
	}
	vm->nbytes += n;
	return true;
}

void *vm_alloc(struct vm *vm, size_t n)
{
	void *p = NULL;

	if (!count_bytes(vm, n))
		return NULL;
	p = arena_alloc(&vm->out->arena, n);
	if (!p)
		error_nomem(vm->err);
	return p;
}

void *vm_array(struct vm *vm, size_t n, size_t size)
{
	uint64_t nbytes;

	if (mul_overflows(n, size, &nbytes))
		nbytes = SIZE_MAX;
	return vm_alloc(vm, (size_t)nbytes);
}

struct pvalue *vm_value(struct vm *vm, enum pvalue_type type)
{
	struct pvalue *v = vm_alloc(vm, sizeof(*v));

	if (v)
		v->type = (uint8_t)type;
	return v;
}

struct pvalue *vm_builtin(struct vm *vm, const char *name)
{
	struct pglobal *g = vm_alloc(vm, sizeof(*g));
	struct pvalue *v = g ? vm_value(vm, PV_OPAQUE) : NULL;

	if (!v)
		return NULL;
	g->module = str_of("builtins");
	g->name = str_of(name);
	v->global = g;
	return v;
}

/* ---- the stack ---- */

static int push_slot(struct vm *vm, struct pvalue *v)
{
	if (vm->n == vm->cap) {
		size_t cap = vm->cap ? 2 * vm->cap : 256;
		struct pvalue **stack;

		if (!count_bytes(vm, (cap - vm->cap) * sizeof(*stack)))
			return -EINVAL;
		stack = realloc(vm->stack, cap * sizeof(*stack));
		if (!stack)
			return error_nomem(vm->err);
		vm->stack = stack;
		vm->cap = cap;
	}
	vm->stack[vm->n++] = v;
	return 0;
}

int vm_push(struct vm *vm, struct pvalue *v)
{
	return v ? push_slot(vm, v) : -EINVAL;
}

int vm_push_mark(struct vm *vm)
{
	return push_slot(vm, NULL);
}

struct pvalue *vm_peek(struct vm *vm)
{
	if (vm->n > 0 && vm->stack[vm->n - 1])
		return vm->stack[vm->n - 1];
	REFUSE(vm, "%s", "it takes a value from the stack where none is");
	return NULL;
}

struct pvalue *vm_pop(struct vm *vm)
{
	struct pvalue *v = vm_peek(vm);

	if (v)
		vm->n--;
	return v;
}

ptrdiff_t vm_marked(struct vm *vm, size_t *first)
{
	size_t i = vm->n;

	while (i > 0 && vm->stack[i - 1])
		i--;
	if (i == 0)
		return REFUSE(vm, "%s", "there is no mark on the stack");
	*first = i;
	return (ptrdiff_t)(vm->n - i);
}

/* ---- the memo ---- */

/* The place of an index; made where it is missing. NULL with the sentence. */
static void **memo_make(struct vm *vm, uint32_t index)
{
	void **at = (void **)&vm->memo;

	for (int shift = 24;; shift -= 8) {
		if (!*at)
			*at = vm_alloc(vm, sizeof(struct memo_node));
		if (!*at)
			return NULL;
		at = &((struct memo_node *)*at)->child[index >> shift & 0xff];
		if (shift == 0)
			return at;
	}
}

int memo_put(struct vm *vm, uint64_t index, struct pvalue *v)
{
	void **at;

	if (index > UINT32_MAX)
		return REFUSE(vm, "the memo has no place %llu",
			      (unsigned long long)index);
	at = memo_make(vm, (uint32_t)index);
	if (!at)
		return -EINVAL;
	if (!*at)
		vm->nmemo++;
	*at = v;
	return 0;
}

struct pvalue *memo_get(struct vm *vm, uint64_t index)
{
	void *at = index <= UINT32_MAX ? vm->memo : NULL;

	for (int shift = 24; at && shift >= 0; shift -= 8)
		at = ((struct memo_node *)at)->child[index >> shift & 0xff];
	if (!at)
		REFUSE(vm, "nothing was stored at place %llu of the memo",
		       (unsigned long long)index);
	return at;
}

/* ---- sequences ---- */

int seq_append(struct vm *vm, struct pvalue *seq, struct pvalue *v)
{
	if (seq->seq.n == seq->seq.cap) {
		uint32_t cap = seq->seq.cap ? 2 * seq->seq.cap : 4;
		struct pvalue **items = vm_array(vm, cap, sizeof(*items));

		if (!items)
			return -EINVAL;
		if (seq->seq.n)
			memcpy(items, seq->seq.v, seq->seq.n * sizeof(*items));
		seq->seq.v = items;
		seq->seq.cap = cap;
	}
	seq->seq.v[seq->seq.n++] = v;
	return 0;
}

struct pvalue *seq_of(struct vm *vm, enum pvalue_type type,
		      struct pvalue *const *v, size_t n)
{
	struct pvalue *seq = vm_value(vm, type);

	if (!seq || n == 0)
		return seq;
	seq->seq.v = vm_array(vm, n, sizeof(*v));
	if (!seq->seq.v)
		return NULL;
	memcpy(seq->seq.v, v, n * sizeof(*v));
	/* The memory cap is far below 2^32 values. */
	seq->seq.n = seq->seq.cap = (uint32_t)n;
	return seq;
}

struct pvalue *pickle_get(const struct pvalue *dict, struct str key)
{
	if (dict->type != PV_DICT)
		return NULL;
	for (size_t i = dict->seq.n / 2; i-- > 0;) {
		const struct pvalue *k = dict->seq.v[2 * i];

		if (k->type == PV_STR && str_eq(k->s, key))
			return dict->seq.v[2 * i + 1];
	}
	return NULL;
}
