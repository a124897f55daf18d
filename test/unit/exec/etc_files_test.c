/* etc_files_test.c - /etc/hosts and /etc/resolv.conf, as Docker makes them. */
#include "exec/etc_files.h"

#include "test/t.h"

#define ALWAYS                                                                 \
	"127.0.0.1\tlocalhost\n"                                               \
	"::1\tlocalhost ip6-localhost ip6-loopback\n"                          \
	"fe00::0\tip6-localnet\n"                                              \
	"ff00::0\tip6-mcastprefix\n"                                           \
	"ff02::1\tip6-allnodes\n"                                              \
	"ff02::2\tip6-allrouters\n"

static const char *servers[] = { "1.2.3.4", "5.6.7.8" };
static const char *search[] = { "foo.com", "bar.com" };
static const char *dot[] = { "." };
static const char *options[] = { "ndots:3" };
static struct dns_config all = { { servers, 2 },
				 { search, 2 },
				 { options, 1 } };
static struct dns_config only_search = { .search = { search, 1 } };
static struct dns_config no_search = { .nameservers = { servers, 1 },
				       .search = { dot, 1 } };

static const struct {
	const char *name;
	struct dns_config *dns;
	bool host_network;
	const char *host;
	const char *want;
} resolv[] = {
	{ "the host's is taken over", NULL, false,
	  "# x\nnameserver 9.9.9.9\nsearch a b\n",
	  "# x\nnameserver 9.9.9.9\nsearch a b\n" },
	{ "a resolver on the loopback is left out", NULL, false,
	  "nameserver 127.0.0.53\nnameserver 9.9.9.9\n",
	  "nameserver 9.9.9.9\n" },
	{ "one with an IPv6 address is left out", NULL, false,
	  "nameserver ::1\nnameserver 9.9.9.9", "nameserver 9.9.9.9\n" },
	{ "without any there is a last resort", NULL, false,
	  "nameserver 127.0.0.1\nsearch a\n",
	  "search a\nnameserver 8.8.8.8\nnameserver 8.8.4.4\n" },
	{ "the host's network has the host's resolver", NULL, true,
	  "nameserver 127.0.0.53\n", "nameserver 127.0.0.53\n" },
	{ "what is given replaces the host's", &all, false,
	  "nameserver 9.9.9.9\nsearch a\noptions edns0\n",
	  "search foo.com bar.com\nnameserver 1.2.3.4\nnameserver 5.6.7.8\n"
	  "options ndots:3\n" },
	{ "what is not given stays the host's", &only_search, false,
	  "nameserver 9.9.9.9\nsearch a\noptions edns0 x\n",
	  "search foo.com\nnameserver 9.9.9.9\noptions edns0 x\n" },
	{ "a dot means no search", &no_search, false,
	  "nameserver 9.9.9.9\nsearch a\n", "nameserver 1.2.3.4\n" },
	{ "no host file", NULL, false, "",
	  "nameserver 8.8.8.8\nnameserver 8.8.4.4\n" },
};

T(resolvers_are_those_that_can_be_reached)
{
	for (size_t i = 0; i < ARRAY_LEN(resolv); i++) {
		struct container_spec spec = { .dns = resolv[i].dns };
		const struct etc_request q = {
			.host_network = resolv[i].host_network,
			.host = resolv[i].host,
			.spec = &spec,
		};
		struct buf out = { 0 };

		T_ROW(resolv[i].name);
		etc_resolv_conf(&q, &out);
		EQ_STR(buf_cstr(&out), resolv[i].want);
		buf_fini(&out);
	}
}

T(hosts_has_the_fixed_the_given_and_its_own)
{
	static const char *hosts[] = { "9.8.7.6 abc def", "broken", "" };
	struct container_spec spec = { .hosts = { hosts, 3 } };
	struct etc_request q = {
		.host = "10.0.0.1 me",
		.address = "172.20.0.5/20",
		.hostname = "web1",
		.spec = &spec,
	};
	struct buf out = { 0 };

	etc_hosts(&q, &out);
	EQ_STR(buf_cstr(&out), ALWAYS "9.8.7.6\tabc\n172.20.0.5\tweb1\n");
	buf_clear(&out);
	q.host_network = true;
	q.address = NULL;
	etc_hosts(&q, &out);
	EQ_STR(buf_cstr(&out), "10.0.0.1 me\n9.8.7.6\tabc\n");
	buf_fini(&out);
}
