/*
 * netlink_fuzz.c - messages of the kernel, read: links, addresses and tracked
 * flows. The bytes are one message; its length field is set right, for that
 * is what libmnl checks before we see it. Lines of /proc/net/tcp too.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/buf.h"
#include "core/base/check.h"
#include "net/holder.h"
#include "net/netlink/ct.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nlmsghdr *h;
	struct buf line = { 0 };
	struct ct_flow f;
	uint64_t inode;
	bool listens;

	if (size < sizeof(*h) || size > 65536)
		return 0;
	h = malloc(size); /* so that the sanitizer knows its end */
	memcpy(h, data, size);
	h->nlmsg_len = (uint32_t)size;
	(void)ct_read(h, &f);
	for (uint16_t type = 0; type < 8; type++)
		for (size_t extra = 0; extra <= 16; extra += 4) {
			const struct nlattr *a = nl_attr(h, extra, type);

			(void)nl_get_str(nl_attr_in(a, type));
			(void)nl_get_str(a);
		}
	free(h);

	buf_put(&line, data, size);
	if (holder_read_line(buf_cstr(&line), 80, &inode, &listens))
		check(inode != 0);
	buf_fini(&line);
	return 0;
}
