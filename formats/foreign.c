/* SPDX-License-Identifier: Apache-2.0 */
/* Files that are no weights; see foreign.h. */
#include "formats/foreign.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "formats/locate.h"

#define LFS                                                                    \
	"is a Git LFS pointer in place of the weights: fetch them with git "   \
	"lfs pull"
#define PAGE                                                                   \
	"is a web page in place of the weights: the download failed, fetch "   \
	"the file again"
#define UNFINISHED                                                             \
	"is a download that is not finished: let it finish, and use the file " \
	"that it becomes"
#define GGUF                                                                   \
	"is a GGUF file of llama.cpp, which is not read: use the model that "  \
	"it was made from"
#define HDF5                                                                   \
	"is an HDF5 file of Keras, which is not read: load it with "           \
	"transformers and from_tf=True, and save_pretrained it"
#define TENSORFLOW                                                             \
	"is part of a TensorFlow checkpoint, which is not read: load it with " \
	"transformers and from_tf=True, and save_pretrained it"
#define FLAX                                                                   \
	"is a file of Flax, which is not read: load it with transformers and " \
	"from_flax=True, and save_pretrained it"
#define GRAPH                                                                  \
	"is a compiled graph, not a checkpoint: use the checkpoint that it "   \
	"was made from"
#define DISTRIBUTED                                                            \
	"is a piece of torch.distributed.checkpoint: python -m "               \
	"torch.distributed.checkpoint.format_utils dcp_to_torch joins them"
#define NPZ                                                                    \
	"is an archive of NumPy, which is not read: unpack it to a directory " \
	"of .npy files"
#define OLD_PICKLE                                                             \
	"is a PyTorch file of pickle protocol 0 or 1, which is not read: "     \
	"torch.load it and torch.save it again"

static const struct {
	const char *text;
	const char *what;
} beginnings[] = {
	{"version https://git-lfs", LFS},
	{"<!DOCTYPE", PAGE},
	{"<!doctype", PAGE},
	{"<html", PAGE},
	{"<?xml", PAGE},
	{"GGUF", GGUF},
	{"L119547037146038801333356L", OLD_PICKLE}, /* torch's magic number */
	{"\x89HDF\r\n", HDF5},
};

static const struct {
	const char *suffix;
	const char *what;
} endings[] = {
	{".gguf", GGUF},
	{".h5", HDF5},
	{".keras", HDF5},
	{".ckpt.index", TENSORFLOW},
	{".ckpt.meta", TENSORFLOW},
	{".data-00000-of-00001", TENSORFLOW},
	{".msgpack", FLAX},
	{".onnx", GRAPH},
	{".mindir", GRAPH},
	{".tflite", GRAPH},
	{".npz", NPZ},
	{".distcp", DISTRIBUTED},
	{".incomplete", UNFINISHED},
	{".part", UNFINISHED},
	{".aria2", UNFINISHED},
	{".crdownload", UNFINISHED},
};

const char *foreign_begins(struct cursor head)
{
	struct str s = {(const char *)head.p, (size_t)(head.end - head.p)};

	for (size_t i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); i++)
		if (str_starts(s, str_of(beginnings[i].text)))
			return beginnings[i].what;
	return NULL;
}

const char *foreign_name(struct str name)
{
	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++)
		if (str_ends(name, endings[i].suffix))
			return endings[i].what;
	return NULL;
}

bool foreign_text(struct cursor head)
{
	/* a ckpt begins with a line feed, and may go on like text */
	if (cursor_peek(&head) <= ' ')
		return false;
	while (cursor_left(&head) > 0) {
		int b = cursor_next(&head);

		if ((b < ' ' && b != '\t' && b != '\n' && b != '\r') || b > '~')
			return false;
	}
	return true;
}

/* "owner/name", with no directory owner: as the hub calls models. */
static bool is_hub_name(const char *path)
{
	size_t owner = strcspn(path, "/");
	char *dir = strndup(path, owner);
	struct stat st;
	bool is = dir && owner && path[owner] && path[owner + 1] &&
		  !strchr(path + owner + 1, '/') && stat(dir, &st) < 0;

	free(dir);
	return is;
}

bool foreign_path(const char *path)
{
	return is_hub_name(path) || strstr(path, "://");
}

/* ---- below a directory ---- */

#define MAX_DEPTH 2

static int is_subdirectory(const struct dirent *e)
{
	return e->d_type == DT_DIR && e->d_name[0] != '.';
}

static int is_weights_file(const struct dirent *e)
{
	return e->d_type != DT_DIR && e->d_name[0] != '.' &&
	       !foreign_name(str_of(e->d_name)) &&
	       is_weights_name(e->d_name) && !is_training_file(e->d_name);
}

static void free_entries(struct dirent **v, int n)
{
	for (int i = 0; i < n; i++)
		free(v[i]);
	free(v);
}

static bool holds_weights(const char *dir)
{
	struct dirent **v = NULL;
	int n = scandir(dir, &v, is_weights_file, NULL);

	free_entries(v, n);
	return n > 0;
}

/* path is a directory below the one that was asked for, at that depth. */
static bool find_at(struct strbuf *path, int depth)
{
	size_t len = path->len;
	struct dirent **v = NULL;
	bool found = depth > 0 && holds_weights(path->p);
	int n = found || depth == MAX_DEPTH
			? 0
			: scandir(path->p, &v, is_subdirectory, alphasort);

	for (int i = 0; i < n && !found; i++) {
		path->len = len;
		strbuf_addf(path, "/%s", v[i]->d_name);
		found = !path->failed && find_at(path, depth + 1);
	}
	free_entries(v, n);
	return found;
}

void foreign_find_below(const char *dir, struct strbuf *out)
{
	strbuf_adds(out, dir);
	if (out->failed || !find_at(out, 0))
		strbuf_reset(out);
}
