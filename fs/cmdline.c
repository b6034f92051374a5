/* SPDX-License-Identifier: Apache-2.0 */
/* Options of wconvfs, long ones and those of -o; see cmdline.h. */
#define FUSE_USE_VERSION 312

#include "fs/cmdline.h"

#include <errno.h>
#include <fuse_opt.h>
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Root's default; what 1 MiB READs need. */
#define READAHEAD_DEFAULT (UINT64_C(1) << 20)

/* One page. Less turns readahead off: 20 times slower, never meant. */
#define READAHEAD_MIN 4096

/* clang-format off */
/* Kernel and mount(8) options that are true of our mounts anyway, or that are
 * for others: fstab, systemd, mount(8). */
static const char *const ignored_words[] = {
	"ro", "dev", "nodev", "suid", "nosuid", "exec", "async", "sync",
	"relatime", "diratime", "nodiratime", "auto", "noauto", "user",
	"nouser", "users", "nousers", "owner", "group", "_netdev", "nofail",
	"defaults", NULL,
};

/* For libfuse, flags and key=value. */
static const char *const passed_words[] = {
	"allow_other", "allow_root", "auto_unmount", "default_permissions",
	"noexec", "noatime", NULL,
};

static const char *const passed_values[] = {
	"fsname", "subtype", "context", "fscontext", "defcontext",
	"rootcontext", NULL,
};

/* clang-format on */

/* Ours, on the command line or in -o. */
static const char *const own_values[] = {"cache", "readahead", NULL};

static bool in_list(const char *const *list, const char *word)
{
	while (*list)
		if (strcmp(*list++, word) == 0)
			return true;
	return false;
}

static bool parse_number(const char *text, unsigned long max,
			 unsigned long *out)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*out = strtoul(text, &end, 10);
	return errno == 0 && *end == '\0' && *out <= max;
}

static int take_readahead(struct mount_options *m, const char *value,
			  struct error *err)
{
	uint64_t n;

	if (!parse_size(value, &n))
		return error_set(
			err, ERR_USAGE,
			"--readahead=%s: not a size such as 1M or 512K", value);
	if (n > 0 && n < READAHEAD_MIN)
		return error_set(err, ERR_USAGE,
				 "--readahead=%s: %llu bytes are less than a "
				 "page; say 1M or 512K, or 0 to leave it as it "
				 "is",
				 value, (unsigned long long)n);
	m->readahead_nbytes = n;
	m->readahead_asked = true;
	return 0;
}

/* Take an option with a value, ours or shared: --key=value, -o key=value. */
static int take_value(struct cmdline *c, const char *key, const char *value,
		      struct error *err)
{
	if (strcmp(key, "readahead") == 0)
		return take_readahead(&c->mount, value, err);
	if (strcmp(key, "cache") != 0)
		return view_options_take(&c->view, key, value, err);
	if (!cache_mode_parse(value, &c->mount.cache))
		return error_set(err, ERR_USAGE,
				 "--cache=%s: it is auto, page or direct",
				 value);
	return 0;
}

/* Options with numbers that only -o has. -ENOENT: none of them. */
static int take_number(struct cmdline *c, const char *key, const char *value,
		       struct error *err)
{
	bool threads = strcmp(key, "max_threads") == 0;
	bool uid = strcmp(key, "uid") == 0;
	unsigned long n;

	if (!threads && !uid && strcmp(key, "gid") != 0)
		return -ENOENT;
	/* the largest id means "none" to chown(2) */
	if (!value || !parse_number(value, UINT_MAX - 1, &n) ||
	    (threads && (n < 1 || n > 1000)))
		return error_set(err, ERR_USAGE,
				 "-o %s=%s: it must be a number%s", key,
				 value ? value : "",
				 threads ? " from 1 to 1000" : "");
	if (threads)
		c->mount.max_threads = (unsigned)n;
	else if (uid)
		c->mount.uid = (uid_t)n;
	else
		c->mount.gid = (gid_t)n;
	return 0;
}

/* Hand "key" or "key=value" on to libfuse. */
static int pass(struct cmdline *c, const char *word, struct error *err)
{
	c->allow_other |= strncmp(word, "allow_", 6) == 0;
	c->view.for_all |= strcmp(word, "allow_other") == 0;
	c->default_permissions |= strcmp(word, "default_permissions") == 0;
	c->fsname |= strncmp(word, "fsname=", 7) == 0;
	c->subtype |= strncmp(word, "subtype=", 8) == 0;
	if (fuse_opt_add_opt_escaped(&c->fuse_opts, word))
		return error_nomem(err);
	return 0;
}

/* Flags of -o that are ours. */
static bool take_word(struct cmdline *c, const char *word)
{
	if (strcmp(word, "nonempty") == 0)
		c->nonempty = true;
	else if (strcmp(word, "debug") == 0)
		c->debug = true;
	else if (strcmp(word, "clone_fd") == 0)
		c->mount.clone_fd = true;
	else
		return false;
	return true;
}

/* One word of -o as key and value, which is NULL where there was no "=". */
static int take_pair(struct cmdline *c, const char *key, const char *value,
		     struct error *err)
{
	int ret;

	if (strcmp(key, "rw") == 0)
		return error_set(err, ERR_USAGE,
				 "-o rw: a view is read-only; "
				 "leave it out or say ro");
	if (strcmp(key, "remount") == 0)
		return error_set(err, ERR_USAGE,
				 "-o remount: a view cannot be changed; "
				 "unmount it and mount it anew");
	if (!value && take_word(c, key))
		return 0;
	ret = take_number(c, key, value, err);
	if (ret != -ENOENT)
		return ret;
	if (in_list(own_values, key) || in_list(view_option_values, key)) {
		if (!value)
			return error_set(err, ERR_USAGE,
					 "-o %s needs a value: -o %s=...", key,
					 key);
		return take_value(c, key, value, err);
	}
	if (!value && in_list(view_option_flags, key))
		return view_options_take(&c->view, key, NULL, err);
	return error_set(err, ERR_USAGE,
			 "unknown option -o %s%s%s; wconvfs --help lists them",
			 key, value ? "=" : "", value ? value : "");
}

static int take_mount_word(struct cmdline *c, struct str word,
			   struct error *err)
{
	char *key = arena_alloc(&c->strings, word.n + 1), *value;

	if (!key)
		return error_nomem(err);
	if (word.n == 0)
		return 0;
	memcpy(key, word.p, word.n);
	value = strchr(key, '=');
	if (value)
		*value++ = '\0';
	if (strncmp(key, "x-", 2) == 0 || in_list(ignored_words, key))
		return 0;
	if (in_list(value ? passed_values : passed_words, key))
		return pass(c, word.p, err);
	return take_pair(c, key, value, err);
}

/* Split "a,b=c"; a backslash takes the byte after it as it is. */
static int take_mount_list(struct cmdline *c, const char *list,
			   struct error *err)
{
	struct strbuf word = STRBUF_INIT;
	int ret = 0;

	for (const char *p = list; !ret; p++) {
		if (*p == ',' || *p == '\0') {
			if (word.failed)
				ret = error_nomem(err);
			else
				ret = take_mount_word(c, strbuf_str(&word),
						      err);
			strbuf_reset(&word);
			if (*p == '\0')
				break;
			continue;
		}
		if (*p == '\\' && p[1])
			p++;
		strbuf_addc(&word, *p);
	}
	strbuf_release(&word);
	return ret;
}

/* The long options: ours and the shared ones. NULL: no memory. */
static struct option *long_options(void)
{
	static const struct option fixed[] = {
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
	};
	const char *const *const valued[] = {own_values, view_option_values};
	struct option *v;
	size_t n = sizeof(fixed) / sizeof(fixed[0]), at = n;

	for (size_t i = 0; i < 2; i++)
		for (const char *const *p = valued[i]; *p; p++)
			n++;
	for (const char *const *p = view_option_flags; *p; p++)
		n++;
	v = calloc(n + 1, sizeof(*v));
	if (!v)
		return NULL;
	memcpy(v, fixed, sizeof(fixed));
	for (size_t i = 0; i < 2; i++)
		for (const char *const *p = valued[i]; *p; p++)
			v[at++] =
				(struct option){*p, required_argument, NULL, 0};
	for (const char *const *p = view_option_flags; *p; p++)
		v[at++] = (struct option){*p, no_argument, NULL, 0};
	return v;
}

/* ch: ':' or '?' from getopt; word: the argument it was looking at. */
static int refuse_option(int ch, const char *word, struct error *err)
{
	if (ch == ':')
		return error_set(err, ERR_USAGE, "option %s needs a value",
				 word);
	/* 0, h and V are the codes of the long ones */
	if (optopt != 0 && optopt != 'h' && optopt != 'V')
		return error_set(
			err, ERR_USAGE,
			"unknown option -%c; wconvfs --help lists them",
			optopt);
	if (strchr(word, '='))
		return error_set(err, ERR_USAGE,
				 "option %s is unknown or takes no value; "
				 "wconvfs --help lists them",
				 word);
	return error_set(err, ERR_USAGE,
			 "unknown option %s; wconvfs --help lists them", word);
}

static int take_short(struct cmdline *c, int ch, struct error *err)
{
	switch (ch) {
	case 'f':
		c->foreground = true;
		return 0;
	case 'd':
		c->debug = true;
		return 0;
	case 's':
		c->mount.single = true;
		return 0;
	case 'u':
		c->unmount = true;
		return 0;
	case 'h':
		c->help = true;
		return 0;
	case 'V':
		c->version = true;
		return 0;
	case 'o':
		return take_mount_list(c, optarg, err);
	}
	return refuse_option(ch, "", err);
}

static int take_options(struct cmdline *c, int argc, char **argv,
			const struct option *longs, struct error *err)
{
	int ret = 0, ch, index = 0;

	opterr = 0;
	while (!ret && !c->help && !c->version &&
	       (ch = getopt_long(argc, argv, ":fdsuho:V", longs, &index)) != -1)
		if (option_is_value(argv, optind, optarg))
			ret = refuse_option(':', argv[optind - 2], err);
		else if (ch == 0)
			ret = take_value(c, longs[index].name, optarg, err);
		else if (ch == '?' || ch == ':')
			ret = refuse_option(ch, argv[optind - 1], err);
		else
			ret = take_short(c, ch, err);
	return ret;
}

static int take_arguments(struct cmdline *c, int argc, char **argv,
			  struct error *err)
{
	if (c->unmount) {
		c->mountpoint = argv[0];
		return argc == 1 ? 0
				 : error_set(err, ERR_USAGE,
					     "usage: wconvfs -u MOUNTPOINT");
	}
	if (argc < 1)
		return error_set(err, ERR_USAGE,
				 "no SOURCE: wconvfs SOURCE MOUNTPOINT "
				 "(--help says more)");
	if (argc < 2)
		return error_set(err, ERR_USAGE,
				 "no MOUNTPOINT: wconvfs %s MOUNTPOINT "
				 "(--help says more)",
				 argv[0]);
	if (argc > 2)
		return error_set(err, ERR_USAGE,
				 "one argument too many: %s (wconvfs SOURCE "
				 "MOUNTPOINT)",
				 argv[2]);
	if (!*argv[1])
		return error_set(err, ERR_USAGE, "MOUNTPOINT is an empty name");
	c->view.source = argv[0];
	c->mountpoint = argv[1];
	return 0;
}

int cmdline_parse(struct cmdline *c, int argc, char **argv, struct error *err)
{
	struct option *longs = long_options();
	int ret;

	memset(c, 0, sizeof(*c));
	view_options_init(&c->view);
	c->mount.uid = getuid();
	c->mount.gid = getgid();
	if (geteuid() == 0)
		c->mount.readahead_nbytes = READAHEAD_DEFAULT;
	if (!longs)
		return error_nomem(err);
	ret = take_options(c, argc, argv, longs, err);
	if (!ret && !c->help && !c->version)
		ret = take_arguments(c, argc - optind, argv + optind, err);
	c->foreground |= c->debug;
	free(longs);
	return ret;
}

int cmdline_finish(struct cmdline *c, const char *source, struct error *err)
{
	struct strbuf fsname = STRBUF_INIT;
	int ret = 0;

	strbuf_addf(&fsname, "fsname=%s", source);
	if (fsname.failed)
		ret = error_nomem(err);
	if (!ret && !c->fsname)
		ret = pass(c, fsname.p, err);
	if (!ret && !c->subtype)
		ret = pass(c, "subtype=wconvfs", err);
	if (!ret && c->allow_other && !c->default_permissions)
		ret = pass(c, "default_permissions", err);
	if (!ret && c->debug)
		ret = pass(c, "debug", err);
	if (!ret)
		ret = pass(c, "ro", err);
	strbuf_release(&fsname);
	c->mount.fuse = c->fuse_opts;
	return ret;
}

void cmdline_release(struct cmdline *c)
{
	view_options_release(&c->view);
	arena_release(&c->strings);
	free(c->fuse_opts);
	c->fuse_opts = NULL;
}
