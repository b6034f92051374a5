/* SPDX-License-Identifier: Apache-2.0 */
/* What the globals of a pickle are, by their names: see pickle_priv.h. */
#include "core/dtype.h"
#include "formats/pickle_priv.h"

#define NO_DTYPE DT_COUNT

static const struct known {
	const char *module, *name;
	enum call call;
	int dtype;
} known[] = {
	{"collections", "OrderedDict", CALL_DICT, NO_DTYPE},
	{"collections", "Counter", CALL_DICT, NO_DTYPE},
	{"collections", "defaultdict", CALL_DEFAULTDICT, NO_DTYPE},
	{"builtins", "dict", CALL_DICT, NO_DTYPE},
	{"__builtin__", "dict", CALL_DICT, NO_DTYPE},
	{"builtins", "getattr", CALL_GETATTR, NO_DTYPE},
	{"__builtin__", "getattr", CALL_GETATTR, NO_DTYPE},
	{"torch", "Size", CALL_SIZE, NO_DTYPE},
	{"torch._utils", "_rebuild_tensor", CALL_TENSOR, NO_DTYPE},
	{"torch._utils", "_rebuild_tensor_v2", CALL_TENSOR, NO_DTYPE},
	{"torch._utils", "_rebuild_tensor_v3", CALL_TENSOR3, NO_DTYPE},
	{"torch._utils", "_rebuild_parameter", CALL_FIRST, NO_DTYPE},
	{"torch._utils", "_rebuild_parameter_with_state", CALL_FIRST, NO_DTYPE},
	{"torch.nn.parameter", "Parameter", CALL_FIRST, NO_DTYPE},
	{"torch.nn.parameter", "Buffer", CALL_FIRST, NO_DTYPE},
	{"torch._tensor", "_rebuild_from_type", CALL_SUBCLASS, NO_DTYPE},
	{"torch._tensor", "_rebuild_from_type_v2", CALL_SUBCLASS, NO_DTYPE},
	{"torch.storage", "UntypedStorage", CALL_UNTYPED, DT_U8},
	{"torch.storage", "_UntypedStorage", CALL_UNTYPED, DT_U8},
	{"torch", "UntypedStorage", CALL_UNTYPED, DT_U8},
	{"torch", "FloatStorage", CALL_STORAGE, DT_F32},
	{"torch", "HalfStorage", CALL_STORAGE, DT_F16},
	{"torch", "BFloat16Storage", CALL_STORAGE, DT_BF16},
	{"torch", "DoubleStorage", CALL_STORAGE, DT_F64},
	{"torch", "CharStorage", CALL_STORAGE, DT_I8},
	{"torch", "ShortStorage", CALL_STORAGE, DT_I16},
	{"torch", "IntStorage", CALL_STORAGE, DT_I32},
	{"torch", "LongStorage", CALL_STORAGE, DT_I64},
	{"torch", "ByteStorage", CALL_STORAGE, DT_U8},
	{"torch", "BoolStorage", CALL_STORAGE, DT_BOOL},
	{"torch", "ComplexFloatStorage", CALL_STORAGE, DT_C64},
	{"torch", "ComplexDoubleStorage", CALL_STORAGE, DT_C128},
	{"torch", "QInt8Storage", CALL_STORAGE, DT_I8},
	{"torch", "QUInt8Storage", CALL_STORAGE, DT_U8},
	{"torch", "QInt32Storage", CALL_STORAGE, DT_I32},
	{"torch", "float32", CALL_DTYPE, DT_F32},
	{"torch", "float16", CALL_DTYPE, DT_F16},
	{"torch", "bfloat16", CALL_DTYPE, DT_BF16},
	{"torch", "float64", CALL_DTYPE, DT_F64},
	{"torch", "int8", CALL_DTYPE, DT_I8},
	{"torch", "int16", CALL_DTYPE, DT_I16},
	{"torch", "int32", CALL_DTYPE, DT_I32},
	{"torch", "int64", CALL_DTYPE, DT_I64},
	{"torch", "uint8", CALL_DTYPE, DT_U8},
	{"torch", "uint16", CALL_DTYPE, DT_U16},
	{"torch", "uint32", CALL_DTYPE, DT_U32},
	{"torch", "uint64", CALL_DTYPE, DT_U64},
	{"torch", "bool", CALL_DTYPE, DT_BOOL},
	{"torch", "complex64", CALL_DTYPE, DT_C64},
	{"torch", "complex128", CALL_DTYPE, DT_C128},
	{"torch", "float8_e4m3fn", CALL_DTYPE, DT_F8_E4M3},
	{"torch", "float8_e5m2", CALL_DTYPE, DT_F8_E5M2},
	{"torch", "float8_e4m3fnuz", CALL_DTYPE, DT_F8_E4M3FNUZ},
	{"torch", "float8_e5m2fnuz", CALL_DTYPE, DT_F8_E5M2FNUZ},
	{"torch", "float8_e8m0fnu", CALL_DTYPE, DT_F8_E8M0},
};

/* Packages that no saved object needs a call of. */
static const char *const harmful[] = {
	"os",	       "posix",
	"nt",	       "sys",
	"subprocess",  "builtins",
	"__builtin__", "importlib",
	"imp",	       "runpy",
	"shutil",      "socket",
	"pty",	       "ctypes",
	"code",	       "codeop",
	"commands",    "pickle",
	"cPickle",     "_pickle",
	"marshal",     "webbrowser",
	"urllib",      "urllib2",
	"requests",    "http",
	"httplib",     "ftplib",
	"smtplib",     "asyncio",
	"pdb",	       "bdb",
	"timeit",      "profile",
	"cProfile",    "pip",
	"platform",    "operator",
	"_operator",   "types",
	"inspect",     "tempfile",
	"signal",      "pydoc",
	"pkgutil",     "multiprocessing",
};

/* What those packages have that is harmless, and found beside weights. */
static const char *const harmless[] = {
	"set",	      "frozenset", "list",  "tuple",
	"bytearray",  "bytes",	   "float", "complex",
	"int",	      "long",	   "str",   "unicode",
	"bool",	      "slice",	   "range", "xrange",
	"object",     "type",	   "iter",  "SimpleNamespace", /* types */
	"itemgetter",					       /* operator */
	"attrgetter", "Signals",			       /* signal */
};

/* The first component of a dotted name. */
static struct str package_of(struct str module)
{
	const char *dot = memchr(module.p, '.', module.n);

	return dot ? (struct str){module.p, (size_t)(dot - module.p)} : module;
}

/* The sparse, quantized, meta ... tensors: whatever rebuilds one otherwise. */
static bool is_odd_rebuild(const struct pglobal *g)
{
	return str_is(package_of(g->module), "torch") &&
	       str_starts(g->name, str_of("_rebuild"));
}

/* Of such a package, or of one that another has imported: "a.os.system". */
static bool is_harmful(const struct pglobal *g)
{
	struct str rest = g->name, first = package_of(rest);

	for (; first.n < rest.n; first = package_of(rest)) {
		if (STR_IS_ONE_OF(first, harmful))
			return true;
		rest.p += first.n + 1;
		rest.n -= first.n + 1;
	}
	return STR_IS_ONE_OF(package_of(g->module), harmful) &&
	       !STR_IS_ONE_OF(g->name, harmless);
}

/* Find out what a global is. */
static void classify(struct pglobal *g)
{
	/* Before 1.0 storages were of the device they were on. */
	struct str module = str_is(g->module, "torch.cuda") ? str_of("torch")
							    : g->module;

	g->dtype = NO_DTYPE;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (!str_is(module, known[i].module) ||
		    !str_is(g->name, known[i].name))
			continue;
		g->call = (uint8_t)known[i].call;
		g->dtype = (uint8_t)known[i].dtype;
		return;
	}
	g->call = CALL_OPAQUE;
	if (is_odd_rebuild(g))
		g->call = CALL_ODD;
	else if (is_harmful(g))
		g->call = CALL_HARM;
}

struct pvalue *vm_global(struct vm *vm, struct str module, struct str name)
{
	struct pglobal *g = vm_alloc(vm, sizeof(*g));
	struct pvalue *v = g ? vm_value(vm, PV_GLOBAL) : NULL;

	if (!v)
		return NULL;
	g->module = module;
	g->name = name;
	classify(g);
	v->global = g;
	return v;
}
