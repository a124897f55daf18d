/* template_fuzz.c - bytes as a template, run over a fixed tree. */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/model/template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static json_t *tree;
	struct template *t = NULL;
	struct buf out = { 0 };
	struct err e;
	char *text = mem_new(len + 1);

	if (tree == NULL)
		tree = json_loads("{\"A\":{\"B\":[1,2.5,\"x\",null,true]},"
				  "\"C\":\"text\",\"D\":{}}",
				  0, NULL);
	memcpy(text, data, len);
	if (template_parse(text, &t, &e) == 0)
		(void)template_run(t, tree, TEMPLATE_NO_VALUE, &out, &e);
	template_free(t);
	buf_fini(&out);
	mem_free(text);
	return 0;
}
