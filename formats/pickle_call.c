/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The callables that a pickle of tensors needs, and what they would return.
 * Argument lists are those of torch 2.13 and of the versions before it that
 * wrote other ones (torch/_utils.py).
 */
#include <inttypes.h>

#include "core/checked.h"
#include "core/dtype.h"
#include "core/tensor.h"
#include "formats/pickle_priv.h"

/* ---- arguments ---- */

/* Argument i if it is there and of that type, or NULL with the sentence. */
static struct pvalue *argument(struct vm *vm, const struct pvalue *args,
			       size_t i, enum pvalue_type type,
			       const char *what)
{
	if (i < args->seq.n && args->seq.v[i]->type == type)
		return args->seq.v[i];
	REFUSE(vm, "a tensor is to be made without %s", what);
	return NULL;
}

/* A size, a stride, an offset: an integer >= 0. */
static int take_u64(struct vm *vm, const struct pvalue *v, const char *what,
		    uint64_t *out)
{
	if (v->type != PV_INT)
		return REFUSE(vm, "the %s of a tensor is no integer", what);
	if (v->i < 0)
		return REFUSE(vm, "the %s of a tensor is %" PRId64, what, v->i);
	*out = (uint64_t)v->i;
	return 0;
}

/* A tuple of them. */
static int take_u64s(struct vm *vm, const struct pvalue *tuple,
		     const char *what, const uint64_t **out)
{
	uint64_t *v = vm_array(vm, tuple->seq.n, sizeof(*v));
	int rc = v ? 0 : -1;

	for (size_t i = 0; i < tuple->seq.n && !rc; i++)
		rc = take_u64(vm, tuple->seq.v[i], what, &v[i]);
	*out = v;
	return rc;
}

/* ---- tensors ---- */

static uint64_t storage_nbytes(const struct pstorage *s)
{
	uint64_t nbytes;

	/* vm_persistent has seen to it that this is no overflow. */
	(void)mul_overflows(s->view_numel, dtype_width(s->dtype), &nbytes);
	return nbytes;
}

/* The last element must lie in the storage: where that is, and whether it can
 * be told in 64 bits. */
static bool end_of(const struct ptensor *t, uint64_t *end)
{
	uint64_t step;

	*end = t->off;
	for (unsigned i = 0; i < t->ndim; i++)
		if (mul_overflows(t->dims[i] - 1, t->strides[i], &step) ||
		    add_overflows(*end, step, end))
			return false;
	return !add_overflows(*end, 1, end) &&
	       !mul_overflows(*end, dtype_width(t->dtype), end);
}

static int check_tensor(struct vm *vm, const struct ptensor *t)
{
	uint64_t nbytes, end;

	if (!tensor_nbytes(t->dtype, t->dims, t->ndim, &nbytes))
		return REFUSE(vm, "%s", "the size of a tensor overflows");
	if (nbytes == 0)
		return 0;
	if (!end_of(t, &end) || end > storage_nbytes(t->storage))
		return REFUSE(vm,
			      "a tensor reaches past the %" PRIu64
			      " bytes of its storage \"%.*s\"",
			      storage_nbytes(t->storage),
			      STR_ARG(t->storage->key));
	return 0;
}

static int take_shape(struct vm *vm, const struct pvalue *args,
		      struct ptensor *t)
{
	struct pvalue *off = argument(vm, args, 1, PV_INT, "an offset");
	struct pvalue *size = off ? argument(vm, args, 2, PV_TUPLE, "a size")
				  : NULL;
	struct pvalue *stride =
		size ? argument(vm, args, 3, PV_TUPLE, "strides") : NULL;

	if (!stride || take_u64(vm, off, "offset", &t->off))
		return -1;
	if (size->seq.n != stride->seq.n)
		return REFUSE(vm, "a tensor has %u sizes and %u strides",
			      (unsigned)size->seq.n, (unsigned)stride->seq.n);
	if (size->seq.n > TENSOR_MAX_NDIM)
		return REFUSE(vm, "a tensor has %u dimensions, more than %d",
			      (unsigned)size->seq.n, TENSOR_MAX_NDIM);
	t->ndim = (uint8_t)size->seq.n;
	if (take_u64s(vm, size, "size", &t->dims) ||
	    take_u64s(vm, stride, "stride", &t->strides))
		return -1;
	return 0;
}

/* {'conj': True}: the bytes are not the values that the tensor shows. */
static const char *odd_metadata(const struct pvalue *args, size_t i)
{
	const struct pvalue *dict = i < args->seq.n ? args->seq.v[i] : NULL;
	static const char *const bits[] = {"conj", "neg"};

	for (size_t k = 0; dict && k < 2; k++) {
		const struct pvalue *v = pickle_get(dict, str_of(bits[k]));

		if (v && v->type == PV_BOOL && v->i)
			return k ? "a lazily negated view: save its "
				   "resolve_neg() instead"
				 : "a lazily conjugated view: save its "
				   "resolve_conj() instead";
	}
	return NULL;
}

static struct pvalue *wrap_tensor(struct vm *vm, struct ptensor *t)
{
	struct pvalue *v = vm_value(vm, PV_TENSOR);

	if (v)
		v->tensor = t;
	return v;
}

static struct pvalue *make_odd(struct vm *vm, const char *why)
{
	struct ptensor *t = vm_alloc(vm, sizeof(*t));

	if (!t)
		return NULL;
	t->odd = why;
	return wrap_tensor(vm, t);
}

/* What a function makes that is no plain tensor, and what would be one. */
static const char *odd_kind(struct str function)
{
	static const struct {
		const char *begin, *odd;
	} kinds[] = {
		{"_rebuild_qtensor",
		 "quantized: save its dequantize() instead"},
		{"_rebuild_sparse", "sparse: save its to_dense() instead"},
		{"_rebuild_nested", "nested: save its unbind() instead"},
		{"_rebuild_meta",
		 "on the meta device, without data: load the weights, and save "
		 "it again"},
		{"_rebuild_wrapper_subclass",
		 "spread over several processes, or otherwise wrapped "
		 "(DTensor, "
		 "ShardedTensor): save its full_tensor(), or a full "
		 "state_dict, "
		 "instead"},
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (str_starts(function, str_of(kinds[i].begin)))
			return kinds[i].odd;
	return "without plain data: save it as an ordinary tensor instead";
}

/* storage, offset, size, stride, requires_grad, hooks[, dtype], metadata */
static struct pvalue *make_tensor(struct vm *vm, const struct pvalue *args,
				  bool has_dtype)
{
	struct pvalue *storage, *dtype = NULL;
	struct ptensor *t;

	storage = argument(vm, args, 0, PV_STORAGE, "a storage");
	if (storage && has_dtype) {
		dtype = argument(vm, args, 6, PV_GLOBAL, "its type");
		if (!dtype)
			return NULL;
	}
	t = storage ? vm_alloc(vm, sizeof(*t)) : NULL;
	if (!t || take_shape(vm, args, t))
		return NULL;
	t->storage = storage->storage;
	t->odd = odd_metadata(args, has_dtype ? 7 : 6);
	t->dtype = dtype ? dtype->global->dtype : t->storage->dtype;
	if (dtype && dtype->global->call != CALL_DTYPE)
		t->odd = "of a type that is not supported: save it as "
			 "another";
	if (!t->odd && check_tensor(vm, t))
		return NULL;
	return wrap_tensor(vm, t);
}

/* Parameter(tensor, ...); of anything else it is no plain tensor. */
static struct pvalue *make_first(struct vm *vm, const struct pvalue *args)
{
	if (args->seq.n > 0 && args->seq.v[0]->type == PV_TENSOR)
		return args->seq.v[0];
	return make_odd(vm, "a Parameter of what is no plain tensor: save its "
			    "data instead");
}

/* ---- dictionaries ---- */

static int add_pair(struct vm *vm, struct pvalue *dict,
		    const struct pvalue *pair)
{
	if ((pair->type != PV_TUPLE && pair->type != PV_LIST) ||
	    pair->seq.n != 2)
		return REFUSE(vm, "%s",
			      "a dictionary is made of what are no "
			      "keys and values");
	if (seq_append(vm, dict, pair->seq.v[0]))
		return -1;
	return seq_append(vm, dict, pair->seq.v[1]);
}

/* dict(), dict(other), dict([[key, value], ...]) as Python 2 wrote them. */
static struct pvalue *make_dict(struct vm *vm, const struct pvalue *args)
{
	const struct pvalue *from = args->seq.n > 0 ? args->seq.v[0] : NULL;
	struct pvalue *dict = vm_value(vm, PV_DICT);

	if (!dict || !from)
		return dict;
	if (from->type == PV_DICT) {
		dict->seq = from->seq;
		dict->seq.cap = dict->seq.n; /* shared until it grows */
		return dict;
	}
	if (from->type != PV_LIST && from->type != PV_TUPLE) {
		REFUSE(vm, "%s", "a dictionary is made of what is no list");
		return NULL;
	}
	for (size_t i = 0; i < from->seq.n; i++)
		if (add_pair(vm, dict, from->seq.v[i]))
			return NULL;
	return dict;
}

/* ---- calls ---- */

static struct pvalue *make_opaque(struct vm *vm, const struct pglobal *g,
				  bool called)
{
	struct pvalue *v = vm_value(vm, PV_OPAQUE);

	if (!v)
		return NULL;
	v->global = g;
	v->called = called;
	return v;
}

/*
 * getattr(class, name): the class of that name inside it, which protocol 4
 * names at once. Of anything else it is a method: opaque.
 */
static struct pvalue *get_attribute(struct vm *vm, const struct pglobal *g,
				    const struct pvalue *args)
{
	const struct pglobal *of;
	struct str name;
	char *text;
	size_t n;

	if (args->seq.n < 2 || args->seq.v[0]->type != PV_GLOBAL ||
	    args->seq.v[1]->type != PV_STR)
		return make_opaque(vm, g, true);
	of = args->seq.v[0]->global;
	name = args->seq.v[1]->s;
	n = of->name.n + 1 + name.n;
	text = vm_alloc(vm, n);
	if (!text)
		return NULL;
	memcpy(text, of->name.p, of->name.n);
	text[of->name.n] = '.';
	memcpy(text + of->name.n + 1, name.p, name.n);
	return vm_global(vm, of->module, (struct str){text, n});
}

static struct pvalue *refuse_call(struct vm *vm, const struct pglobal *g)
{
	REFUSE(vm,
	       "this file wants to call %.*s.%.*s, which nothing that "
	       "holds weights needs; it was not called",
	       STR_ARG(g->module), STR_ARG(g->name));
	return NULL;
}

static struct pvalue *call_global(struct vm *vm, const struct pglobal *g,
				  const struct pvalue *args)
{
	switch ((enum call)g->call) {
	case CALL_OPAQUE:
		return make_opaque(vm, g, true);
	case CALL_DICT:
		return make_dict(vm, args);
	case CALL_DEFAULTDICT:
		return vm_value(vm, PV_DICT);
	case CALL_SIZE:
		if (args->seq.n == 1 && (args->seq.v[0]->type == PV_TUPLE ||
					 args->seq.v[0]->type == PV_LIST))
			return seq_of(vm, PV_TUPLE, args->seq.v[0]->seq.v,
				      args->seq.v[0]->seq.n);
		return seq_of(vm, PV_TUPLE, NULL, 0);
	case CALL_TENSOR:
		return make_tensor(vm, args, false);
	case CALL_TENSOR3:
		return make_tensor(vm, args, true);
	case CALL_FIRST:
		return make_first(vm, args);
	case CALL_GETATTR:
		return get_attribute(vm, g, args);
	case CALL_ODD:
		return make_odd(vm, odd_kind(g->name));
	case CALL_SUBCLASS: /* see vm_call */
	case CALL_STORAGE:
	case CALL_UNTYPED:
	case CALL_DTYPE:
	case CALL_HARM:
		break;
	}
	return refuse_call(vm, g);
}

/* The function and arguments that rebuild a tensor below its class; false:
 * they are not such. */
static bool open_subclass(const struct pvalue **callable,
			  const struct pvalue **args)
{
	const struct pvalue *v = *args, *inner, *inner_args;

	if ((*callable)->global->call != CALL_SUBCLASS || v->seq.n < 3)
		return false;
	inner = v->seq.v[0];
	inner_args = v->seq.v[2];
	if (inner->type != PV_GLOBAL || inner_args->type != PV_TUPLE ||
	    inner->global->call == CALL_SUBCLASS)
		return false;
	*callable = inner;
	*args = inner_args;
	return true;
}

struct pvalue *vm_call(struct vm *vm, struct pvalue *callable,
		       struct pvalue *args)
{
	const struct pvalue *f = callable, *a = args;

	if (callable->type != PV_GLOBAL || args->type != PV_TUPLE) {
		REFUSE(vm, "this file wants to call %s",
		       callable->type == PV_GLOBAL
			       ? "a function with what are no arguments"
			       : "an object that it makes itself");
		return NULL;
	}
	(void)open_subclass(&f, &a);
	if (f->global->call == CALL_SUBCLASS)
		return make_odd(vm, "of a class of its own: save a plain "
				    "tensor instead");
	return call_global(vm, f->global, a);
}

struct pvalue *vm_new(struct vm *vm, struct pvalue *callable,
		      struct pvalue *args)
{
	if (callable->type == PV_GLOBAL &&
	    callable->global->call == CALL_OPAQUE)
		return make_opaque(vm, callable->global, false);
	return vm_call(vm, callable, args);
}

/* ---- storages ---- */

/* (view_key, offset, numel) or None: the sixth of a legacy id. */
static int take_view(struct vm *vm, const struct pvalue *v, struct pstorage *s)
{
	uint64_t end;

	if (v->type == PV_NONE)
		return 0;
	if (v->type != PV_TUPLE || v->seq.n != 3 ||
	    take_u64(vm, v->seq.v[1], "storage offset", &s->view_off) ||
	    take_u64(vm, v->seq.v[2], "storage size", &s->view_numel) ||
	    add_overflows(s->view_off, s->view_numel, &end) || end > s->numel)
		return REFUSE(vm,
			      "the storage \"%.*s\" is a view past its "
			      "%" PRIu64 " elements",
			      STR_ARG(s->key), s->numel);
	return 0;
}

static int fill_storage(struct vm *vm, const struct pvalue *id,
			struct pstorage *s)
{
	const struct pvalue *class = id->seq.v[1], *key = id->seq.v[2];
	uint64_t nbytes;

	if (class->type != PV_GLOBAL || (class->global->call != CALL_STORAGE &&
					 class->global->call != CALL_UNTYPED))
		return REFUSE(vm, "%s",
			      "a storage is of no class that is "
			      "supported");
	if (key->type != PV_STR)
		return REFUSE(vm, "%s", "the key of a storage is no string");
	s->key = key->s;
	s->dtype = class->global->dtype;
	s->untyped = class->global->call == CALL_UNTYPED;
	if (take_u64(vm, id->seq.v[4], "storage size", &s->numel))
		return -1;
	s->view_numel = s->numel;
	if (mul_overflows(s->numel, dtype_width(s->dtype), &nbytes))
		return REFUSE(vm,
			      "the size of storage \"%.*s\" overflows: %" PRIu64
			      " elements",
			      STR_ARG(s->key), s->numel);
	return id->seq.n > 5 ? take_view(vm, id->seq.v[5], s) : 0;
}

/*
 * ('storage', class, key, location, numel[, view]), and in legacy files
 * ('module', class, file, text): the class with its source, for a warning.
 */
struct pvalue *vm_persistent(struct vm *vm, const struct pvalue *id)
{
	struct pvalue *v;
	struct pstorage *s;

	if (id->type != PV_TUPLE || id->seq.n < 2 ||
	    id->seq.v[0]->type != PV_STR) {
		REFUSE(vm, "%s", "a persistent id is no storage's");
		return NULL;
	}
	if (str_is(id->seq.v[0]->s, "module") &&
	    id->seq.v[1]->type == PV_GLOBAL)
		return id->seq.v[1];
	if (!str_is(id->seq.v[0]->s, "storage") || id->seq.n < 5) {
		REFUSE(vm, "%s", "a persistent id is no storage's");
		return NULL;
	}
	s = vm_alloc(vm, sizeof(*s));
	v = s ? vm_value(vm, PV_STORAGE) : NULL;
	if (!v || fill_storage(vm, id, s))
		return NULL;
	s->next = vm->out->storages;
	vm->out->storages = s;
	v->storage = s;
	return v;
}
