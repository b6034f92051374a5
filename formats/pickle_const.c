/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The opcodes of the pickle machine that push what stands in the input:
 * numbers and strings. See pickle_priv.h.
 */
#include <errno.h>

#include "formats/pickle_priv.h"

/* ---- arguments in the input ---- */

/* A little-endian number of n bytes. */
int vm_take_le(struct vm *vm, unsigned n, uint64_t *out)
{
	const uint8_t *p = cursor_bytes(&vm->c, n);

	if (!p)
		return vm_truncated(vm);
	*out = 0;
	while (n-- > 0)
		*out = *out << 8 | p[n];
	return 0;
}

/* As many bytes as a number of width bytes says. */
static int take_counted(struct vm *vm, unsigned width, struct str *out)
{
	uint64_t n = 0;
	int rc = vm_take_le(vm, width, &n);

	if (rc)
		return rc;
	if (n > cursor_left(&vm->c)) {
		vm->out->truncated = true;
		return REFUSE(vm, "it holds %llu bytes, but only %zu are left",
			      (unsigned long long)n, cursor_left(&vm->c));
	}
	out->n = (size_t)n;
	out->p = (const char *)cursor_bytes(&vm->c, out->n);
	return 0;
}

/* A line, without its end. */
int vm_take_line(struct vm *vm, struct str *out)
{
	const uint8_t *end = memchr(vm->c.p, '\n', cursor_left(&vm->c));

	if (!end)
		return vm_truncated(vm);
	out->p = (const char *)vm->c.p;
	out->n = (size_t)(end - vm->c.p);
	vm->c.p = end + 1;
	return 0;
}

bool vm_parse_decimal(struct str s, int64_t *out)
{
	bool minus = s.n > 0 && s.p[0] == '-';
	int64_t n = 0;

	if (s.n == (size_t)minus)
		return false;
	for (size_t i = minus; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9' ||
		    __builtin_mul_overflow(n, 10, &n) ||
		    __builtin_sub_overflow(n, s.p[i] - '0', &n))
			return false;
	}
	if (!minus && __builtin_mul_overflow(n, -1, &n))
		return false;
	*out = n;
	return true;
}

/* ---- constants ---- */

int op_none(struct vm *vm, unsigned arg)
{
	(void)arg;
	return vm_push(vm, &vm->shared[SHARED_NONE]);
}

int op_bool(struct vm *vm, unsigned yes)
{
	return vm_push(vm, &vm->shared[yes ? SHARED_YES : SHARED_NO]);
}

static int push_int(struct vm *vm, int64_t i)
{
	struct pvalue *v;

	if (i >= 0 && i < 256)
		return vm_push(vm, &vm->shared[SHARED_INT + i]);
	v = vm_value(vm, PV_INT);
	if (v)
		v->i = i;
	return vm_push(vm, v);
}

/* BININT1, BININT2: unsigned; BININT: signed, of four bytes. */
int op_binint(struct vm *vm, unsigned width)
{
	uint64_t n = 0;
	int rc = vm_take_le(vm, width, &n);

	if (rc)
		return rc;
	return push_int(vm, width == 4 ? (int32_t)(uint32_t)n : (int64_t)n);
}

/* LONG1, LONG4: little-endian two's complement of any length. */
int op_long(struct vm *vm, unsigned width)
{
	struct str s = {NULL, 0};
	uint64_t n = 0;
	int rc = take_counted(vm, width, &s);

	if (rc)
		return rc;
	if (s.n > 8)
		return vm_push(vm, vm_builtin(vm, "int"));
	if (s.n > 0 && s.p[s.n - 1] & 0x80)
		n = ~UINT64_C(0);
	for (size_t i = s.n; i-- > 0;)
		n = n << 8 | (unsigned char)s.p[i];
	return push_int(vm, (int64_t)n);
}

/* INT, LONG: a decimal number; "00" and "01" are booleans in INT. */
int op_text_int(struct vm *vm, unsigned is_long)
{
	struct str s = {NULL, 0};
	int64_t i = 0;
	int rc = vm_take_line(vm, &s);

	if (rc)
		return rc;
	if (!is_long && (str_is(s, "00") || str_is(s, "01")))
		return op_bool(vm, s.p[1] == '1');
	if (is_long && str_ends(s, "L"))
		s.n--;
	if (!vm_parse_decimal(s, &i))
		return REFUSE(vm, "\"%.*s\" is no integer that it may hold",
			      STR_ARG(s));
	return push_int(vm, i);
}

/* BINFLOAT: no number of weights is a float; only its place matters. */
int op_binfloat(struct vm *vm, unsigned width)
{
	if (!cursor_bytes(&vm->c, width))
		return vm_truncated(vm);
	return vm_push(vm, vm_builtin(vm, "float"));
}

int op_text_float(struct vm *vm, unsigned arg)
{
	struct str s = {NULL, 0};
	int rc = vm_take_line(vm, &s);

	(void)arg;
	return rc ? rc : vm_push(vm, vm_builtin(vm, "float"));
}

/* ---- strings ---- */

static int push_str(struct vm *vm, struct str s)
{
	struct pvalue *v = vm_value(vm, PV_STR);

	if (v)
		v->s = s;
	return vm_push(vm, v);
}

/* Every string with its length in front; a Python 2 str is one too. */
int op_counted_str(struct vm *vm, unsigned width)
{
	struct str s = {NULL, 0};
	int rc = take_counted(vm, width, &s);

	return rc ? rc : push_str(vm, s);
}

int op_counted_bytes(struct vm *vm, unsigned width)
{
	struct str s = {NULL, 0};
	int rc = take_counted(vm, width, &s);

	return rc ? rc : vm_push(vm, vm_builtin(vm, "bytes"));
}

/* Digits of an escape, or -1. */
static int32_t take_hex(struct cursor *c, unsigned n)
{
	const uint8_t *p = cursor_bytes(c, n);
	int32_t v = p ? 0 : -1;

	for (unsigned i = 0; i < n && v >= 0; i++) {
		int lower = p[i] | 0x20;

		if (p[i] >= '0' && p[i] <= '9')
			v = v << 4 | (p[i] - '0');
		else if (lower >= 'a' && lower <= 'f')
			v = v << 4 | (lower - 'a' + 10);
		else
			v = -1;
	}
	return v;
}

/* Up to U+10FFFF; a lone surrogate is told when a name is made of it. */
static char *put_utf8(char *to, int32_t ch)
{
	if (ch < 0x80) {
		*to++ = (char)ch;
	} else if (ch < 0x800) {
		*to++ = (char)(0xc0 | ch >> 6);
		*to++ = (char)(0x80 | (ch & 0x3f));
	} else {
		if (ch < 0x10000) {
			*to++ = (char)(0xe0 | ch >> 12);
		} else {
			*to++ = (char)(0xf0 | ch >> 18);
			*to++ = (char)(0x80 | (ch >> 12 & 0x3f));
		}
		*to++ = (char)(0x80 | (ch >> 6 & 0x3f));
		*to++ = (char)(0x80 | (ch & 0x3f));
	}
	return to;
}

/* One character of a STRING or UNICODE line, escapes undone; -1: malformed. */
static int32_t take_char(struct cursor *c, bool is_unicode)
{
	static const char from[] = "nrtabfv\\'\"", to[] = "\n\r\t\a\b\f\v\\'\"";
	const char *at;
	int b = cursor_next(c);

	if (b != '\\')
		return b;
	b = cursor_next(c);
	if (is_unicode) {
		if (b == 'u')
			return take_hex(c, 4);
		if (b == 'U')
			return take_hex(c, 8);
		c->p -= b >= 0; /* raw-unicode-escape has no others */
		return '\\';
	}
	if (b == 'x')
		return take_hex(c, 2);
	at = b > 0 ? strchr(from, b) : NULL;
	return at ? to[at - from] : -1;
}

/*
 * UNICODE: characters below U+0100 as themselves, others escaped. STRING: a
 * Python repr of bytes.
 */
static int push_unescaped(struct vm *vm, struct str s, bool is_unicode)
{
	struct cursor c = cursor_of(s.p, s.n);
	char *buf = vm_array(vm, s.n + 1, 2), *to = buf;

	if (!buf)
		return -EINVAL;
	while (cursor_left(&c) > 0) {
		int32_t ch = take_char(&c, is_unicode);

		if (ch < 0 || ch > 0x10ffff)
			return REFUSE(vm, "\"%.*s\" has a malformed escape",
				      STR_ARG(s));
		if (is_unicode)
			to = put_utf8(to, ch);
		else
			*to++ = (char)ch;
	}
	return push_str(vm, (struct str){buf, (size_t)(to - buf)});
}

int op_text_str(struct vm *vm, unsigned is_unicode)
{
	struct str s = {NULL, 0};
	int rc = vm_take_line(vm, &s);

	if (rc)
		return rc;
	if (is_unicode)
		return push_unescaped(vm, s, true);
	if (s.n < 2 || (s.p[0] != '\'' && s.p[0] != '"') ||
	    s.p[s.n - 1] != s.p[0])
		return REFUSE(vm, "%s", "a STRING is not between quotes");
	return push_unescaped(vm, (struct str){s.p + 1, s.n - 2}, false);
}
