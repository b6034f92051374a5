/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of the pickle machine: pickle.c runs the opcodes, pickle_value.c
 * makes values and keeps the stack and the memo, pickle_global.c knows what the
 * globals are, pickle_call.c what the callables return.
 */
#ifndef WC_FORMATS_PICKLE_PRIV_H
#define WC_FORMATS_PICKLE_PRIV_H

#include "formats/pickle.h"

/* The memo: a tree over the index's bytes, so that neither its size nor its
 * speed depends on which indexes the input picks. */
#define MEMO_FAN 256

struct memo_node {
	void *child[MEMO_FAN]; /* nodes; values in the last level */
};

enum {
	SHARED_INT, /* 0 .. 255 */
	SHARED_NO = 256,
	SHARED_YES,
	SHARED_NONE,
	SHARED_COUNT,
};

struct vm {
	struct cursor c;
	const char *path;
	struct error *err;
	struct pickle *out;
	struct pvalue **stack; /* [n]; NULL is a mark; malloc'd */
	size_t n, cap;
	struct memo_node *memo;
	uint64_t nmemo; /* entries: MEMOIZE's next index */
	size_t nbytes;	/* memory in use, against PICKLE_MAX_MEMORY */
	size_t at;	/* the opcode that runs, bytes from the begin */
	bool stopped;
	struct pvalue *shared; /* [SHARED_COUNT]: values that are the same
				  wherever they stand */
};

/* Refuse the pickle: why is a format for what follows. */
#define REFUSE(vm, why, ...)                                                   \
	error_set((vm)->err, ERR_SOURCE,                                       \
		  "%s: at byte %zu of its pickle: " why, (vm)->path, (vm)->at, \
		  __VA_ARGS__)

/* The input ends within an opcode. */
int vm_truncated(struct vm *vm);

/* ---- pickle_value.c ---- */

/* n zeroed bytes, counted; NULL with the sentence said. */
void *vm_alloc(struct vm *vm, size_t n);
void *vm_array(struct vm *vm, size_t n, size_t size);

/* A new value, or NULL with the sentence said. */
struct pvalue *vm_value(struct vm *vm, enum pvalue_type type);

/* An opaque object of builtins.NAME. */
struct pvalue *vm_builtin(struct vm *vm, const char *name);

/* Push takes NULL as a failure already told: it returns -EINVAL then. */
int vm_push(struct vm *vm, struct pvalue *v);
int vm_push_mark(struct vm *vm);

/* The top of the stack, taken or not; NULL with the sentence said. */
struct pvalue *vm_pop(struct vm *vm);
struct pvalue *vm_peek(struct vm *vm);

/*
 * The values above the last mark: *first is their place in the stack, the
 * mark's is one less. Returns how many, or -EINVAL.
 */
ptrdiff_t vm_marked(struct vm *vm, size_t *first);

int memo_put(struct vm *vm, uint64_t index, struct pvalue *v);

/* NULL with the sentence said. */
struct pvalue *memo_get(struct vm *vm, uint64_t index);

/* Append to a list or a dict. */
int seq_append(struct vm *vm, struct pvalue *seq, struct pvalue *v);

/* A tuple or list of n values. */
struct pvalue *seq_of(struct vm *vm, enum pvalue_type type,
		      struct pvalue *const *v, size_t n);

/* ---- pickle_const.c ---- */

/* A little-endian number of n bytes; a line without its end. */
int vm_take_le(struct vm *vm, unsigned n, uint64_t *out);
int vm_take_line(struct vm *vm, struct str *out);

bool vm_parse_decimal(struct str s, int64_t *out);

/* Opcodes; what the argument is stands at each. */
int op_none(struct vm *vm, unsigned arg);
int op_bool(struct vm *vm, unsigned yes);
int op_binint(struct vm *vm, unsigned width);
int op_long(struct vm *vm, unsigned width);
int op_text_int(struct vm *vm, unsigned is_long);
int op_binfloat(struct vm *vm, unsigned width);
int op_text_float(struct vm *vm, unsigned arg);
int op_counted_str(struct vm *vm, unsigned width);
int op_counted_bytes(struct vm *vm, unsigned width);
int op_text_str(struct vm *vm, unsigned is_unicode);

/* ---- pickle_global.c ---- */

/* What calling a global gives. */
enum call {
	CALL_OPAQUE, /* not known: its result is opaque */
	CALL_HARM,   /* nothing but harm: refused */
	CALL_DICT,
	CALL_DEFAULTDICT,
	CALL_SIZE,
	CALL_STORAGE, /* a storage class: only a name in persistent ids */
	CALL_UNTYPED,
	CALL_DTYPE,    /* torch.float32: no callable */
	CALL_TENSOR,   /* _rebuild_tensor: storage, off, size, stride */
	CALL_TENSOR3,  /* the same, an own dtype as 7th */
	CALL_FIRST,    /* a Parameter: the tensor is the first argument */
	CALL_SUBCLASS, /* function, class, arguments, state */
	CALL_ODD,      /* a tensor without plain data */
	CALL_GETATTR,  /* how protocols below 4 name a class in a class */
};

/* A class or a function by its name, with what it is. */
struct pvalue *vm_global(struct vm *vm, struct str module, struct str name);

/* ---- pickle_call.c ---- */

/* callable(*args), by an allow-list; NULL with the sentence said. */
struct pvalue *vm_call(struct vm *vm, struct pvalue *callable,
		       struct pvalue *args);

/* callable.__new__(callable, *args): an object before its state. */
struct pvalue *vm_new(struct vm *vm, struct pvalue *callable,
		      struct pvalue *args);

/* What a persistent id stands for: a storage. */
struct pvalue *vm_persistent(struct vm *vm, const struct pvalue *id);

#endif
