/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pickle machine: one function an opcode, named as in CPython's pickletools
 * (3.13), in the order of protocols. See pickle.h for what it does not do.
 */
#include <errno.h>
#include <stdlib.h>

#include "formats/pickle_priv.h"

#define MAX_PROTOCOL 5

/* ---- containers ---- */

static int op_empty(struct vm *vm, unsigned type)
{
	return vm_push(vm, vm_value(vm, type));
}

static int op_empty_set(struct vm *vm, unsigned arg)
{
	(void)arg;
	return vm_push(vm, vm_builtin(vm, "set"));
}

/* TUPLE1, TUPLE2, TUPLE3. */
static int op_tuple_n(struct vm *vm, unsigned n)
{
	struct pvalue *v[3], *tuple;

	for (unsigned i = n; i-- > 0;) {
		v[i] = vm_pop(vm);
		if (!v[i])
			return -EINVAL;
	}
	tuple = seq_of(vm, PV_TUPLE, v, n);
	return vm_push(vm, tuple);
}

static int check_pairs(struct vm *vm, ptrdiff_t n)
{
	if (n % 2 == 0)
		return 0;
	return REFUSE(vm, "an odd number of keys and values, %td", n);
}

/* TUPLE, LIST, DICT: of all above the mark. */
static int op_from_mark(struct vm *vm, unsigned type)
{
	size_t first = 0;
	ptrdiff_t n = vm_marked(vm, &first);
	struct pvalue *v;

	if (n < 0 || (type == PV_DICT && check_pairs(vm, n)))
		return -EINVAL;
	v = seq_of(vm, type, vm->stack + first, (size_t)n);
	vm->n = first - 1;
	return vm_push(vm, v);
}

/* FROZENSET. */
static int op_frozenset(struct vm *vm, unsigned arg)
{
	size_t first = 0;

	(void)arg;
	if (vm_marked(vm, &first) < 0)
		return -EINVAL;
	vm->n = first - 1;
	return vm_push(vm, vm_builtin(vm, "frozenset"));
}

/* Add stack[first..n) to what stands below them, which must be of the type;
 * whatever an opaque object is given is left out. */
static int add_items(struct vm *vm, enum pvalue_type type, size_t first,
		     size_t below)
{
	struct pvalue *to = below > 0 ? vm->stack[below - 1] : NULL;

	if (!to || (to->type != type && to->type != PV_OPAQUE))
		return REFUSE(vm, "it adds items to what is no %s",
			      type == PV_DICT	? "dictionary"
			      : type == PV_LIST ? "list"
						: "set");
	for (size_t i = first; i < vm->n && to->type != PV_OPAQUE; i++)
		if (seq_append(vm, to, vm->stack[i]))
			return -EINVAL;
	vm->n = below;
	return 0;
}

/* APPEND, SETITEM: n values, without a mark. */
static int op_add(struct vm *vm, unsigned type)
{
	size_t n = type == PV_DICT ? 2 : 1;

	for (size_t i = 0; i < n; i++)
		if (vm->n <= i || !vm->stack[vm->n - 1 - i])
			return REFUSE(vm, "%s", "the stack holds too little");
	return add_items(vm, type, vm->n - n, vm->n - n);
}

/* APPENDS, SETITEMS, ADDITEMS. */
static int op_add_marked(struct vm *vm, unsigned type)
{
	size_t first = 0;
	ptrdiff_t n = vm_marked(vm, &first);

	if (n < 0 || (type == PV_DICT && check_pairs(vm, n)))
		return -EINVAL;
	return add_items(vm, type, first, first - 1);
}

/* ---- stack and memo ---- */

static int op_mark(struct vm *vm, unsigned arg)
{
	(void)arg;
	return vm_push_mark(vm);
}

static int op_pop(struct vm *vm, unsigned arg)
{
	(void)arg;
	if (vm->n == 0)
		return vm_pop(vm) ? 0 : -EINVAL;
	vm->n--;
	return 0;
}

static int op_pop_mark(struct vm *vm, unsigned arg)
{
	size_t first = 0;

	(void)arg;
	if (vm_marked(vm, &first) < 0)
		return -EINVAL;
	vm->n = first - 1;
	return 0;
}

static int op_dup(struct vm *vm, unsigned arg)
{
	(void)arg;
	return vm_push(vm, vm_peek(vm));
}

/* The place of PUT and GET (a line), BINPUT ... (width bytes). */
static int take_place(struct vm *vm, unsigned width, uint64_t *index)
{
	struct str s = {NULL, 0};
	int64_t i = 0;
	int rc;

	if (width > 0)
		return vm_take_le(vm, width, index);
	rc = vm_take_line(vm, &s);
	if (rc)
		return rc;
	if (!vm_parse_decimal(s, &i) || i < 0)
		return REFUSE(vm, "the memo has no place \"%.*s\"", STR_ARG(s));
	*index = (uint64_t)i;
	return 0;
}

static int op_put(struct vm *vm, unsigned width)
{
	uint64_t index = 0;
	int rc = take_place(vm, width, &index);
	struct pvalue *v = rc ? NULL : vm_peek(vm);

	return v ? memo_put(vm, index, v) : -EINVAL;
}

static int op_memoize(struct vm *vm, unsigned arg)
{
	struct pvalue *v = vm_peek(vm);

	(void)arg;
	return v ? memo_put(vm, vm->nmemo, v) : -EINVAL;
}

static int op_get(struct vm *vm, unsigned width)
{
	uint64_t index = 0;
	int rc = take_place(vm, width, &index);

	return rc ? rc : vm_push(vm, memo_get(vm, index));
}

/* ---- globals and calls ---- */

/* GLOBAL and the class of INST: two lines. */
static struct pvalue *take_global(struct vm *vm)
{
	struct str module = {NULL, 0}, name = {NULL, 0};

	if (vm_take_line(vm, &module) || vm_take_line(vm, &name))
		return NULL;
	return vm_global(vm, module, name);
}

static int op_global(struct vm *vm, unsigned arg)
{
	(void)arg;
	return vm_push(vm, take_global(vm));
}

static int op_stack_global(struct vm *vm, unsigned arg)
{
	struct pvalue *name = vm_pop(vm);
	struct pvalue *module = name ? vm_pop(vm) : NULL;

	(void)arg;
	if (!module)
		return -EINVAL;
	if (name->type != PV_STR || module->type != PV_STR)
		return REFUSE(vm, "%s", "the name of a global is no string");
	return vm_push(vm, vm_global(vm, module->s, name->s));
}

static int op_reduce(struct vm *vm, unsigned arg)
{
	struct pvalue *args = vm_pop(vm);
	struct pvalue *callable = args ? vm_pop(vm) : NULL;

	(void)arg;
	return callable ? vm_push(vm, vm_call(vm, callable, args)) : -EINVAL;
}

/* NEWOBJ; NEWOBJ_EX has keyword arguments too, which no known class has. */
static int op_newobj(struct vm *vm, unsigned has_keywords)
{
	struct pvalue *args = vm_pop(vm), *callable;

	if (has_keywords && args)
		args = vm_pop(vm);
	callable = args ? vm_pop(vm) : NULL;
	return callable ? vm_push(vm, vm_new(vm, callable, args)) : -EINVAL;
}

/* INST: the class is in the input; OBJ: it is the first above the mark. */
static int op_inst(struct vm *vm, unsigned is_obj)
{
	size_t first = 0;
	struct pvalue *callable = is_obj ? NULL : take_global(vm), *args;
	ptrdiff_t n;

	if (!is_obj && !callable)
		return -EINVAL;
	n = vm_marked(vm, &first);
	if (n < (ptrdiff_t)is_obj)
		return n < 0 ? -EINVAL
			     : REFUSE(vm, "%s", "an object without a class");
	if (is_obj)
		callable = vm->stack[first];
	args = seq_of(vm, PV_TUPLE, vm->stack + first + is_obj,
		      (size_t)n - is_obj);
	vm->n = first - 1;
	return args ? vm_push(vm, vm_call(vm, callable, args)) : -EINVAL;
}

/* BUILD: attributes. Of tensors and dicts none matter here; an opaque object
 * has none. */
static int op_build(struct vm *vm, unsigned arg)
{
	(void)arg;
	return vm_pop(vm) && vm_peek(vm) ? 0 : -EINVAL;
}

static int op_binpersid(struct vm *vm, unsigned arg)
{
	struct pvalue *id = vm_pop(vm);

	(void)arg;
	return id ? vm_push(vm, vm_persistent(vm, id)) : -EINVAL;
}

static int op_persid(struct vm *vm, unsigned arg)
{
	struct str s = {NULL, 0};
	int rc = vm_take_line(vm, &s);

	(void)arg;
	return rc ? rc
		  : REFUSE(vm, "the persistent id \"%.*s\" is no storage",
			   STR_ARG(s));
}

/* ---- framing ---- */

static int op_proto(struct vm *vm, unsigned width)
{
	uint64_t n = 0;
	int rc = vm_take_le(vm, width, &n);

	if (rc || n <= MAX_PROTOCOL)
		return rc;
	return REFUSE(vm, "protocol %u is not known (the last is %d)",
		      (unsigned)n, MAX_PROTOCOL);
}

static int op_frame(struct vm *vm, unsigned width)
{
	uint64_t n = 0;
	int rc = vm_take_le(vm, width, &n);

	if (rc || n <= cursor_left(&vm->c))
		return rc;
	return vm_truncated(vm);
}

static int op_stop(struct vm *vm, unsigned arg)
{
	(void)arg;
	vm->out->top = vm_pop(vm);
	vm->stopped = true;
	return vm->out->top ? 0 : -EINVAL;
}

/* EXT1 ... name entries of a registry that a file cannot bring along; buffers
 * outside the pickle are not part of a file. */
static int op_outside(struct vm *vm, unsigned code)
{
	return REFUSE(vm, "opcode 0x%02x needs what is not in the file", code);
}

static const struct opcode {
	int (*run)(struct vm *vm, unsigned arg);
	unsigned arg;
} opcodes[256] = {
	['('] = {op_mark, 0},
	['.'] = {op_stop, 0},
	['0'] = {op_pop, 0},
	['1'] = {op_pop_mark, 0},
	['2'] = {op_dup, 0},
	['F'] = {op_text_float, 0},
	['I'] = {op_text_int, false},
	['J'] = {op_binint, 4},
	['K'] = {op_binint, 1},
	['L'] = {op_text_int, true},
	['M'] = {op_binint, 2},
	['N'] = {op_none, 0},
	['P'] = {op_persid, 0},
	['Q'] = {op_binpersid, 0},
	['R'] = {op_reduce, 0},
	['S'] = {op_text_str, false},
	['T'] = {op_counted_str, 4},
	['U'] = {op_counted_str, 1},
	['V'] = {op_text_str, true},
	['X'] = {op_counted_str, 4},
	['a'] = {op_add, PV_LIST},
	['b'] = {op_build, 0},
	['c'] = {op_global, 0},
	['d'] = {op_from_mark, PV_DICT},
	['}'] = {op_empty, PV_DICT},
	['e'] = {op_add_marked, PV_LIST},
	['g'] = {op_get, 0},
	['h'] = {op_get, 1},
	['i'] = {op_inst, false},
	['j'] = {op_get, 4},
	['l'] = {op_from_mark, PV_LIST},
	[']'] = {op_empty, PV_LIST},
	['o'] = {op_inst, true},
	['p'] = {op_put, 0},
	['q'] = {op_put, 1},
	['r'] = {op_put, 4},
	['s'] = {op_add, PV_DICT},
	['t'] = {op_from_mark, PV_TUPLE},
	[')'] = {op_empty, PV_TUPLE},
	['u'] = {op_add_marked, PV_DICT},
	['G'] = {op_binfloat, 8},
	/* protocol 2 */
	[0x80] = {op_proto, 1},
	[0x81] = {op_newobj, false},
	[0x82] = {op_outside, 0x82},
	[0x83] = {op_outside, 0x83},
	[0x84] = {op_outside, 0x84},
	[0x85] = {op_tuple_n, 1},
	[0x86] = {op_tuple_n, 2},
	[0x87] = {op_tuple_n, 3},
	[0x88] = {op_bool, true},
	[0x89] = {op_bool, false},
	[0x8a] = {op_long, 1},
	[0x8b] = {op_long, 4},
	/* protocol 3 */
	['B'] = {op_counted_bytes, 4},
	['C'] = {op_counted_bytes, 1},
	/* protocol 4 */
	[0x8c] = {op_counted_str, 1},
	[0x8d] = {op_counted_str, 8},
	[0x8e] = {op_counted_bytes, 8},
	[0x8f] = {op_empty_set, 0},
	[0x90] = {op_add_marked, PV_OPAQUE},
	[0x91] = {op_frozenset, 0},
	[0x92] = {op_newobj, true},
	[0x93] = {op_stack_global, 0},
	[0x94] = {op_memoize, 0},
	[0x95] = {op_frame, 8},
	/* protocol 5 */
	[0x96] = {op_counted_bytes, 8},
	[0x97] = {op_outside, 0x97},
	[0x98] = {op_outside, 0x98},
};

static int run(struct vm *vm)
{
	while (!vm->stopped) {
		int code, rc;

		vm->at = cursor_pos(&vm->c);
		code = cursor_next(&vm->c);
		if (code < 0)
			return vm_truncated(vm);
		if (!opcodes[code].run)
			return REFUSE(vm, "0x%02x is no opcode",
				      (unsigned)code);
		rc = opcodes[code].run(vm, opcodes[code].arg);
		if (rc)
			return rc;
	}
	return 0;
}

static int make_shared(struct vm *vm)
{
	struct pvalue *v = vm_array(vm, SHARED_COUNT, sizeof(*v));

	if (!v)
		return -EINVAL;
	for (int i = 0; i < 256; i++)
		v[SHARED_INT + i] = (struct pvalue){.type = PV_INT, .i = i};
	v[SHARED_NO] = (struct pvalue){.type = PV_BOOL, .i = false};
	v[SHARED_YES] = (struct pvalue){.type = PV_BOOL, .i = true};
	v[SHARED_NONE] = (struct pvalue){.type = PV_NONE};
	vm->shared = v;
	return 0;
}

int pickle_load(struct pickle *p, struct cursor *c, const char *path,
		struct error *err)
{
	struct vm *vm = calloc(1, sizeof(*vm));
	int rc;

	*p = (struct pickle){.arena = ARENA_INIT};
	if (!vm)
		return error_nomem(err);
	*vm = (struct vm){.path = path, .err = err, .out = p};
	vm->c = cursor_of(c->p, cursor_left(c));
	rc = make_shared(vm);
	if (!rc)
		rc = run(vm);
	c->p += cursor_pos(&vm->c);
	free(vm->stack);
	free(vm);
	/* where a value could not be made: there is no sentence for that */
	return rc && !err->text ? -ENOMEM : rc;
}

void pickle_release(struct pickle *p)
{
	arena_release(&p->arena);
	p->top = NULL;
}
