/* env_text.c - --env and --env-file; see service_edit.h. */
#include <errno.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "core/base/str.h"
#include "net/client/service_edit.h"

#define ENV_FILE_MAX 1048576 /* bytes */

/* A later value of a key takes the earlier one's place. */
static void
env_put(struct strings *env, struct arena *a, const char *row)
{
	size_t len = strcspn(row, "=");

	for (uint32_t i = 0; i < env->count; i++)
		if (strncmp(env->v[i], row, len) == 0 &&
		    (env->v[i][len] == '=' || env->v[i][len] == '\0')) {
			env->v[i] = arena_strdup(a, row);
			return;
		}
	strings_add(env, a, row);
}

static void
env_row(struct strings *env, struct arena *a, const char *row)
{
	const char *value = NULL;

	if (strchr(row, '=') == NULL)
		value = getenv(row);
	if (value != NULL)
		row = arena_printf(a, "%s=%s", row, value);
	if (strchr(row, '=') != NULL)
		env_put(env, a, row);
}

static int
env_line(struct strings *env, struct arena *a, char *line, struct err *e)
{
	size_t key;

	line += strspn(line, " \t");
	if (*line == '\0' || *line == '#')
		return 0;
	key = strcspn(line, "=");
	if (key == 0)
		return err_set(e, -EINVAL, "no variable name on line '%s'",
			       line);
	if (strcspn(line, " \t") < key)
		return err_set(e, -EINVAL,
			       "variable '%.*s' contains whitespaces", (int)key,
			       line);
	env_row(env, a, line);
	return 0;
}

static int
env_file(struct strings *env, struct arena *a, const char *path, struct err *e)
{
	FILE *f = fopen(path, "re");
	char *text = arena_alloc(a, ENV_FILE_MAX + 1), *next;
	size_t len;
	int r = 0;

	if (f == NULL)
		return err_set(e, -errno, "open %s: %s", path, strerror(errno));
	len = fread(text, 1, ENV_FILE_MAX + 1, f);
	(void)fclose(f);
	if (len > ENV_FILE_MAX)
		return err_set(e, -EFBIG, "%s is larger than %d bytes", path,
			       ENV_FILE_MAX);
	text[len] = '\0';
	for (char *line = text; line != NULL && r == 0; line = next) {
		next = strchr(line, '\n');
		if (next != NULL)
			*next++ = '\0';
		line[strcspn(line, "\r")] = '\0';
		r = env_line(env, a, line, e);
	}
	return r < 0 ? err_wrap(e, r, "env file %s", path) : 0;
}

int
env_read(const struct strings *files, const struct strings *rows,
	 struct arena *a, struct strings *ret, struct err *e)
{
	for (uint32_t i = 0; i < files->count; i++)
		if (env_file(ret, a, files->v[i], e) < 0)
			return -EINVAL;
	for (uint32_t i = 0; i < rows->count; i++)
		env_row(ret, a, rows->v[i]);
	return 0;
}
