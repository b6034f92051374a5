/* SPDX-License-Identifier: Apache-2.0 */
/* The pickle machine: every opcode, what it refuses, and its bounds. */
#include <check.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "core/strbuf.h"
#include "formats/pickle.h"

Suite *suite_pickle(void);

static struct pickle p;
static struct error err;

static void setup(void)
{
	err = (struct error)ERROR_INIT;
}

static void teardown(void)
{
	error_release(&err);
}

static int load(const void *bytes, size_t n)
{
	struct cursor c = cursor_of(bytes, n);

	error_release(&err);
	return pickle_load(&p, &c, "here.pkl", &err);
}

static void show(const struct pvalue *v, struct strbuf *out)
{
	static const char open[] = "([{", shut[] = ")]}";

	switch ((enum pvalue_type)v->type) {
	case PV_NONE:
		strbuf_adds(out, "None");
		break;
	case PV_BOOL:
		strbuf_adds(out, v->i ? "True" : "False");
		break;
	case PV_INT:
		strbuf_addf(out, "%" PRId64, v->i);
		break;
	case PV_STR:
		strbuf_addf(out, "'%.*s'", STR_ARG(v->s));
		break;
	case PV_TUPLE:
	case PV_LIST:
	case PV_DICT:
		strbuf_addc(out, open[v->type - PV_TUPLE]);
		for (size_t i = 0; i < v->seq.n; i++) {
			if (i)
				strbuf_addc(out, ' ');
			show(v->seq.v[i], out);
		}
		strbuf_addc(out, shut[v->type - PV_TUPLE]);
		break;
	case PV_GLOBAL:
	case PV_OPAQUE:
		strbuf_addf(out, "%s%.*s.%.*s%s",
			    v->type == PV_OPAQUE ? "<" : "",
			    STR_ARG(v->global->module),
			    STR_ARG(v->global->name),
			    v->type == PV_GLOBAL ? ""
			    : v->called		 ? "()>"
						 : ">");
		break;
	case PV_STORAGE:
		strbuf_addf(out, "storage %.*s of %" PRIu64,
			    STR_ARG(v->storage->key), v->storage->numel);
		break;
	case PV_TENSOR:
		strbuf_addf(out, "tensor%s of rank %u",
			    v->tensor->odd ? "?" : "", v->tensor->ndim);
		break;
	}
}

/* A literal and its length: opcodes hold NUL bytes. */
#define BYTES(s) s, sizeof(s) - 1

/* torch.FloatStorage "0" of 6 elements, and a tensor over it. */
#define STORAGE                                                                \
	"(X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0"                     \
	"0X\3\0\0\0cpuK\6tQ"
#define SHAPE "K\0K\2K\3\x86K\3K\1\x86"
#define HOOKS                                                                  \
	"\x89"                                                                 \
	"ccollections\nOrderedDict\n)R"
#define TENSOR "ctorch._utils\n_rebuild_tensor_v2\n(" STORAGE SHAPE HOOKS "tR"

static const struct vector {
	const char *bytes;
	size_t n;
	const char *shown;
} good[] = {
	/* constants */
	{BYTES("N."), "None"},
	{BYTES("\x80\2\x88."), "True"},
	{BYTES("\x89."), "False"},
	{BYTES("I01\n."), "True"},
	{BYTES("I00\n."), "False"},
	{BYTES("I1\n."), "1"},
	{BYTES("I-5\n."), "-5"},
	{BYTES("L-7L\n."), "-7"},
	{BYTES("L9223372036854775807L\n."), "9223372036854775807"},
	{BYTES("L-9223372036854775808\n."), "-9223372036854775808"},
	{BYTES("K\xff."), "255"},
	{BYTES("M\1\2."), "513"},
	{BYTES("J\xff\xff\xff\xff."), "-1"},
	{BYTES("\x8a\0."), "0"},
	{BYTES("\x8a\2\0\xff."), "-256"},
	{BYTES("\x8a\x8\xff\xff\xff\xff\xff\xff\xff\x7f."),
	 "9223372036854775807"},
	{BYTES("\x8a\x9\0\0\0\0\0\0\0\0\1."), "<builtins.int>"},
	{BYTES("\x8b\1\0\0\0\5."), "5"},
	{BYTES("G\0\0\0\0\0\0\0\0."), "<builtins.float>"},
	{BYTES("F1.5\n."), "<builtins.float>"},
	/* strings */
	{BYTES("X\1\0\0\0a."), "'a'"},
	{BYTES("\x8c\1a."), "'a'"},
	{BYTES("\x8d\1\0\0\0\0\0\0\0a."), "'a'"},
	{BYTES("U\1a."), "'a'"},
	{BYTES("T\1\0\0\0a."), "'a'"},
	{BYTES("S'a\\x41\\'\\\\'\n."), "'aA'\\'"},
	{BYTES("S\"\"\n."), "''"},
	{BYTES("Va\\u00e9\\U0001F600\xe9\\\n."), "'a\u00e9\U0001F600\u00e9\\'"},
	{BYTES("C\1a."), "<builtins.bytes>"},
	{BYTES("B\1\0\0\0a."), "<builtins.bytes>"},
	{BYTES("\x8e\1\0\0\0\0\0\0\0a."), "<builtins.bytes>"},
	{BYTES("\x96\1\0\0\0\0\0\0\0a."), "<builtins.bytes>"},
	/* containers */
	{BYTES(")."), "()"},
	{BYTES("(K\1K\2t."), "(1 2)"},
	{BYTES("K\1\x85."), "(1)"},
	{BYTES("K\1K\2\x86."), "(1 2)"},
	{BYTES("K\1K\2K\3\x87."), "(1 2 3)"},
	{BYTES("]."), "[]"},
	{BYTES("(K\1l."), "[1]"},
	{BYTES("]K\1a."), "[1]"},
	{BYTES("](K\1K\2K\3K\4K\5K\6e."), "[1 2 3 4 5 6]"},
	{BYTES("}."), "{}"},
	{BYTES("(K\1K\2d."), "{1 2}"},
	{BYTES("}K\1K\2s."), "{1 2}"},
	{BYTES("}(K\1K\2K\3K\4u."), "{1 2 3 4}"},
	{BYTES("\x8f(K\1\x90."), "<builtins.set>"},
	{BYTES("(K\1\x91."), "<builtins.frozenset>"},
	/* stack and memo */
	{BYTES("K\1"
	       "0K\2."),
	 "2"},
	{BYTES("("
	       "0K\2."),
	 "2"},
	{BYTES("K\1(K\2K\3"
	       "1."),
	 "1"},
	{BYTES("K\1"
	       "2\x86."),
	 "(1 1)"},
	{BYTES("K\1q\7K\2h\7\x87"
	       "0K\1."),
	 "1"},
	{BYTES("K\1p12\n0g12\n."), "1"},
	{BYTES("K\1r\xff\xff\xff\x7f"
	       "0j\xff\xff\xff\x7f."),
	 "1"},
	{BYTES("K\1\x94K\2\x94h\0h\1\x86."), "(1 2)"},
	{BYTES("\x95\2\0\0\0\0\0\0\0N."), "None"},
	/* globals and objects */
	{BYTES("cfoo\nBar\n."), "foo.Bar"},
	{BYTES("\x8c\3foo\x8c\3Bar\x93."), "foo.Bar"},
	{BYTES("(K\1ifoo\nBar\n."), "<foo.Bar()>"},
	{BYTES("(cfoo\nBar\nK\1o."), "<foo.Bar()>"},
	{BYTES("cfoo\nBar\n)\x81."), "<foo.Bar>"},
	{BYTES("cfoo\nBar\n)}\x92."), "<foo.Bar>"},
	{BYTES("cfoo\nBar\n)\x81}K\1K\2sb."), "<foo.Bar>"},
	{BYTES("cfoo\nBar\n)\x81(K\1K\2u."), "<foo.Bar>"},
	{BYTES("cfoo\nBar\n)\x81K\1a."), "<foo.Bar>"},
	{BYTES("c__builtin__\nset\n]\x85R."), "<__builtin__.set()>"},
	/* type(None), as a setting may be */
	{BYTES("c__builtin__\ntype\nN\x85R."), "<__builtin__.type()>"},
	/* a class inside a class, a method of an object */
	{BYTES("c__builtin__\ngetattr\ncfoo\nBar\nX\3\0\0\0Baz\x86R."),
	 "foo.Bar.Baz"},
	{BYTES("c__builtin__\ngetattr\ncfoo\nBar\nX\3\0\0\0Baz\x86R)\x81."),
	 "<foo.Bar.Baz>"},
	{BYTES("c__builtin__\ngetattr\ncfoo\nBar\n)\x81X\1\0\0\0a\x86R."),
	 "<__builtin__.getattr()>"},
	{BYTES("ccollections\nOrderedDict\n)R}b."), "{}"},
	{BYTES("ccollections\nOrderedDict\n]](K\1K\2ea\x85R."), "{1 2}"},
	{BYTES("ccollections\nCounter\n}K\1K\2s\x85R."), "{1 2}"},
	{BYTES("ccollections\ndefaultdict\nclist\nlist\n\x85R."), "{}"},
	{BYTES("ctorch\nSize\n(K\1K\2t\x85R."), "(1 2)"},
	{BYTES("ctorch\ndevice\nX\3\0\0\0cpu\x85R."), "<torch.device()>"},
	/* tensors */
	{BYTES(STORAGE "."), "storage 0 of 6"},
	{BYTES("(X\6\0\0\0modulecfoo\nBar\nNNtQ."), "foo.Bar"},
	{BYTES(TENSOR "."), "tensor of rank 2"},
	{BYTES("ctorch._utils\n_rebuild_tensor\n(" STORAGE SHAPE "tR."),
	 "tensor of rank 2"},
	{BYTES("ctorch._utils\n_rebuild_parameter\n" TENSOR "\x88" HOOKS
	       "0\x87R."),
	 "tensor of rank 2"},
	{BYTES("ctorch._tensor\n_rebuild_from_type_v2\n("
	       "ctorch._utils\n_rebuild_tensor_v2\ncfoo\nBar\n(" STORAGE SHAPE
		       HOOKS "t}tR."),
	 "tensor of rank 2"},
	{BYTES("ctorch._utils\n_rebuild_qtensor\n)R."), "tensor? of rank 0"},
};

START_TEST(every_opcode)
{
	const struct vector *v = &good[_i];
	struct strbuf sb = STRBUF_INIT;

	ck_assert_msg(load(v->bytes, v->n) == 0, "%s: %s", v->shown,
		      error_text(&err));
	show(p.top, &sb);
	ck_assert_str_eq(sb.p, v->shown);
	strbuf_release(&sb);
	pickle_release(&p);
}
END_TEST

static const struct vector bad[] = {
	{BYTES(""), "ends before its STOP"},
	{BYTES("N"), "ends before its STOP"},
	{BYTES("\xfe."), "0xfe is no opcode"},
	{BYTES("\x80\6N."), "protocol 6"},
	{BYTES("."), "takes a value from the stack"},
	{BYTES("(."), "takes a value from the stack"},
	{BYTES("0."), "takes a value"},
	{BYTES("2."), "takes a value"},
	{BYTES("(2."), "takes a value"},
	{BYTES("(q\0."), "takes a value"},
	{BYTES("t."), "no mark"},
	{BYTES("1."), "no mark"},
	{BYTES("K\1\x86."), "takes a value"},
	{BYTES("(K\1\x86."), "takes a value"},
	{BYTES("h\0."), "nothing was stored at place 0"},
	{BYTES("g-1\n."), "no place \"-1\""},
	{BYTES("gx\n."), "no place \"x\""},
	{BYTES("K\1p9999999999\n."), "no place 9999999999"},
	{BYTES("}K\1u."), "no mark"},
	{BYTES("}(K\1u."), "odd number"},
	{BYTES("(K\1d."), "odd number"},
	{BYTES("}K\1s."), "no dictionary"},
	{BYTES("K\1K\2K\3s."), "no dictionary"},
	{BYTES("K\1K\2a."), "no list"},
	{BYTES("(K\2a."), "no list"},
	{BYTES("(e."), "no list"},
	{BYTES("K\1(\x90."), "no set"},
	{BYTES("I1x\n."), "\"1x\" is no integer"},
	{BYTES("I\n."), "no integer"},
	{BYTES("L9223372036854775808L\n."), "no integer that it may hold"},
	{BYTES("S'a\n."), "quotes"},
	{BYTES("S'\\x4'\n."), "escape"},
	{BYTES("V\\u12\n."), "escape"},
	{BYTES("V\\U00110000\n."), "escape"},
	{BYTES("X\xff\xff\xff\xff"
	       "a."),
	 "4294967295 bytes, but only 2"},
	{BYTES("\x8d\xff\xff\xff\xff\xff\xff\xff\xff."), "bytes, but only 1"},
	{BYTES("\x95\xff\0\0\0\0\0\0\0N."), "ends before"},
	{BYTES("\x82\1."), "0x82"},
	{BYTES("\x97."), "0x97"},
	{BYTES("K\1K\2\x93."), "no string"},
	{BYTES("Pabc\n."), "persistent id \"abc\""},
	{BYTES("K\1Q."), "persistent id"},
	{BYTES("X\7\0\0\0storage\x85Q."), "persistent id"},
	/* calls */
	{BYTES("cos\nsystem\nX\1\0\0\0a\x85R."), "wants to call os.system"},
	{BYTES("(X\1\0\0\0aios\nsystem\n."), "wants to call os.system"},
	{BYTES("(cos\nsystem\nX\1\0\0\0ao."), "wants to call os.system"},
	{BYTES("cos\nsystem\n)\x81."), "wants to call os.system"},
	{BYTES("cos.path\njoin\n)R."), "wants to call os.path.join"},
	{BYTES("cbuiltins\neval\n)R."), "wants to call builtins.eval"},
	{BYTES("csubprocess\nPopen\n)R."), "wants to call subprocess.Popen"},
	{BYTES("ctorch\nFloatStorage\n)R."),
	 "wants to call torch.FloatStorage"},
	{BYTES("K\1)R."), "an object that it makes itself"},
	{BYTES("cfoo\nBar\n)R)R."), "an object that it makes itself"},
	{BYTES("c__builtin__\ngetattr\ncos\npath\nX\4\0\0\0join\x86R)R."),
	 "wants to call os.path.join"},
	{BYTES("cfoo\nos.system\n)R."), "wants to call foo.os.system"},
	{BYTES("cfoo\na.os.b\n)R."), "wants to call foo.a.os.b"},
	{BYTES("c__builtin__\ngetattr\ncfoo\nBar\n)\x81X\1\0\0\0a\x86R)R."),
	 "an object that it makes itself"},
	{BYTES("cfoo\nBar\nK\1R."), "no arguments"},
	{BYTES("(o."), "without a class"},
	/* tensors */
	{BYTES("ctorch._utils\n_rebuild_tensor_v2\n)R."), "without a storage"},
	{BYTES("ctorch._utils\n_rebuild_tensor_v2\n(" STORAGE "tR."),
	 "without an offset"},
	{BYTES("ctorch._utils\n_rebuild_tensor_v2\n(" STORAGE
	       "K\0K\2\x85K\3K\1\x86tR."),
	 "1 sizes and 2 strides"},
	{BYTES("ctorch._utils\n_rebuild_tensor_v2\n(" STORAGE
	       "K\1K\2K\3\x86K\3K\1\x86tR."),
	 "past the 24 bytes of its storage \"0\""},
	{BYTES("ctorch._utils\n_rebuild_tensor_v2\n(" STORAGE
	       "J\xff\xff\xff\xff))tR."),
	 "the offset of a tensor is -1"},
	{BYTES("ctorch._utils\n_rebuild_tensor_v2\n(" STORAGE
	       "K\0\x8a\x8\0\0\0\0\0\0\0\x40K\4\x86K\0K\0\x86tR."),
	 "size of a tensor overflows"},
	{BYTES("(X\7\0\0\0storagecfoo\nBar\nX\1\0\0\0"
	       "0NK\6tQ."),
	 "no class"},
	{BYTES("(X\7\0\0\0storagectorch\nLongStorage\nK\1NK\6tQ."), "key"},
	{BYTES("(X\7\0\0\0storagectorch\nLongStorage\nX\1\0\0\0"
	       "0N"
	       "\x8a\x8\0\0\0\0\0\0\0\x40tQ."),
	 "storage \"0\" overflows"},
	{BYTES("(X\7\0\0\0storagectorch\nLongStorage\nX\1\0\0\0"
	       "0NK\6"
	       "(NK\3K\4ttQ."),
	 "a view past"},
};

START_TEST(refused_with_a_sentence)
{
	const struct vector *v = &bad[_i];

	ck_assert_msg(load(v->bytes, v->n) == -EINVAL, "accepted: %s",
		      v->shown);
	ck_assert_int_eq(err.class, ERR_SOURCE);
	ck_assert_msg(strstr(error_text(&err), v->shown) &&
			      strstr(error_text(&err), "here.pkl"),
		      "%s: %s", v->shown, error_text(&err));
	pickle_release(&p);
}
END_TEST

#define WHOLE                                                                  \
	"\x80\2}(X\1\0\0\0aq\1" TENSOR "X\1\0\0\0bI12\nL5L\nS'x'\n\x86\x86"    \
	"X\1\0\0\0c\x8c\1d\x8a\1\5G\0\0\0\0\0\0\0\0\x87u."

START_TEST(cut_at_every_byte)
{
	const char whole[] = WHOLE;

	ck_assert_msg(load(BYTES(WHOLE)) == 0, "%s", error_text(&err));
	pickle_release(&p);
	for (size_t n = 0; n < sizeof(whole) - 1; n++) {
		/* a buffer of its own: reading past it is a fault */
		char *cut = malloc(n + 1);

		memcpy(cut, whole, n);
		ck_assert_int_eq(load(cut, n), -EINVAL);
		ck_assert_msg(p.truncated, "%zu: %s", n, error_text(&err));
		pickle_release(&p);
		free(cut);
	}
}
END_TEST

START_TEST(every_bit_flipped)
{
	char whole[] = WHOLE;

	for (size_t bit = 0; bit < 8 * (sizeof(whole) - 1); bit++) {
		whole[bit / 8] = (char)(whole[bit / 8] ^ 1 << bit % 8);
		if (load(whole, sizeof(whole) - 1))
			ck_assert_ptr_nonnull(err.text);
		pickle_release(&p);
		whole[bit / 8] = (char)(whole[bit / 8] ^ 1 << bit % 8);
	}
}
END_TEST

/* n times some bytes, behind and before others. */
static struct strbuf repeated(const char *before, const char *bytes,
			      size_t nbytes, size_t n, const char *behind)
{
	struct strbuf sb = STRBUF_INIT;

	strbuf_reserve(&sb, n * nbytes + 64);
	strbuf_adds(&sb, before);
	for (size_t i = 0; i < n; i++)
		strbuf_add(&sb, bytes, nbytes);
	strbuf_adds(&sb, behind);
	return sb;
}

START_TEST(depth_is_no_matter)
{
	struct strbuf sb = repeated("", "]", 1, 1000000, "");
	struct strbuf shut = repeated("", "a", 1, 999999, ".");

	strbuf_addstr(&sb, strbuf_str(&shut));
	ck_assert_msg(load(sb.p, sb.len) == 0, "%s", error_text(&err));
	ck_assert_int_eq(p.top->type, PV_LIST);
	pickle_release(&p);
	strbuf_release(&sb);
	strbuf_release(&shut);
}
END_TEST

START_TEST(memory_is_bounded)
{
	/* one byte an object; a node of the memo's tree for each index; a
	 * dictionary of a million pairs copied again and again */
	struct strbuf sb = repeated("(", "}", 1, 40000000, ".");
	struct strbuf memo = STRBUF_INIT, copies, items;

	ck_assert_int_eq(load(sb.p, sb.len), -EINVAL);
	ck_assert_ptr_nonnull(strstr(error_text(&err), "512 MiB"));
	pickle_release(&p);
	strbuf_release(&sb);

	strbuf_addc(&memo, 'N');
	for (uint32_t i = 0; i < 400000; i++) {
		uint32_t k = i * UINT32_C(2654435761);
		char op[] = {'r', (char)k, (char)(k >> 8), (char)(k >> 16),
			     (char)(k >> 24)};

		strbuf_add(&memo, op, sizeof(op));
	}
	ck_assert_int_eq(load(memo.p, memo.len), -EINVAL);
	ck_assert_ptr_nonnull(strstr(error_text(&err), "512 MiB"));
	pickle_release(&p);
	strbuf_release(&memo);

	items = repeated("](", "K\1K\2\x86", 5, 1000000, "eq");
	copies = repeated("", "0ccollections\nOrderedDict\nh\1\x85R", 30, 5000,
			  ".");
	strbuf_addc(&items, '\1');
	strbuf_addstr(&items, strbuf_str(&copies));
	ck_assert_int_eq(load(items.p, items.len), -EINVAL);
	ck_assert_ptr_nonnull(strstr(error_text(&err), "512 MiB"));
	pickle_release(&p);
	strbuf_release(&items);
	strbuf_release(&copies);
}
END_TEST

/* A dictionary made of another is its own: neither sees the other grow. */
START_TEST(copies_are_apart)
{
	struct strbuf sb = STRBUF_INIT;

	ck_assert_int_eq(load(BYTES("}K\1K\2sq\1ccollections\nCounter\nh\1\x85R"
				    "(K\3K\4K\5K\6u"
				    "h\1K\7K\x8s"
				    "0h\1\x86.")),
			 0);
	show(p.top, &sb);
	ck_assert_str_eq(sb.p, "({1 2 3 4 5 6} {1 2 7 8})");
	strbuf_release(&sb);
	pickle_release(&p);
}
END_TEST

#define COUNT(v) (int)(sizeof(v) / sizeof(v[0]))

Suite *suite_pickle(void)
{
	Suite *s = suite_create("pickle");
	TCase *tc = tcase_create("pickle");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, every_opcode, 0, COUNT(good));
	tcase_add_loop_test(tc, refused_with_a_sentence, 0, COUNT(bad));
	tcase_add_test(tc, cut_at_every_byte);
	tcase_add_test(tc, every_bit_flipped);
	tcase_add_test(tc, depth_is_no_matter);
	tcase_add_test(tc, memory_is_bounded);
	tcase_add_test(tc, copies_are_apart);
	suite_add_tcase(s, tc);
	return s;
}
