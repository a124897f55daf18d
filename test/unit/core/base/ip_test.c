/* ip_test.c - addresses and prefixes as text. */
#include "core/base/ip.h"
#include "test/t.h"

T(addresses_are_read_in_all_their_forms)
{
	static const struct {
		const char *text;
		bool ok;
		uint8_t first, last;
	} rows[] = {
		{ "10.1.2.3", true, 0, 3 },
		{ "255.255.255.255", true, 0, 255 },
		{ "::", true, 0, 0 },
		{ "::1", true, 0, 1 },
		{ "fd00::1:2", true, 0xfd, 2 },
		{ "1:2:3:4:5:6:7:8", true, 0, 8 },
		{ "1::8", true, 0, 8 },
		{ "fe80::", true, 0xfe, 0 },
		{ "::ffff:1.2.3.4", true, 0, 4 },
		{ "1:2:3:4:5:6:7::", true, 0, 0 },
		{ "", false, 0, 0 },
		{ "1.2.3", false, 0, 0 },
		{ "1.2.3.4.5", false, 0, 0 },
		{ "1.2.3.256", false, 0, 0 },
		{ "01.2.3.4", false, 0, 0 },
		{ "1:2:3:4:5:6:7", false, 0, 0 },
		{ "1:2:3:4:5:6:7:8:9", false, 0, 0 },
		{ "1::2::3", false, 0, 0 },
		{ ":1", false, 0, 0 },
		{ "1:", false, 0, 0 },
		{ "12345::", false, 0, 0 },
		{ "1:2:3:4:5:6:7:8::", false, 0, 0 },
		{ "1:2:3:4:5:6:7:1.2.3.4", false, 0, 0 },
		{ "g::", false, 0, 0 },
		{ ":::", false, 0, 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct ip ip;

		T_ROW(rows[i].text);
		EQ(ip_parse(rows[i].text, &ip), rows[i].ok);
		if (!rows[i].ok)
			continue;
		EQ(ip.b[0], rows[i].first);
		EQ(ip.b[15], rows[i].last);
	}
}

T(prefixes_contain_what_they_should)
{
	static const struct {
		const char *net, *ip;
		bool want;
	} rows[] = {
		{ "10.0.0.0/8", "10.255.0.1", true },
		{ "10.0.0.0/8", "11.0.0.1", false },
		{ "10.1.2.3/32", "10.1.2.3", true },
		{ "10.1.2.3/31", "10.1.2.2", true },
		{ "10.1.2.3/31", "10.1.2.4", false },
		{ "0.0.0.0/0", "200.1.1.1", true },
		{ "fd00::/9", "fd7f::1", true },
		{ "fd00::/9", "fd80::1", false },
		{ "::/0", "fd80::1", true },
	};
	struct ip_net n;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct ip ip;

		T_ROW(rows[i].net);
		OK(ip_net_parse(rows[i].net, &n));
		OK(ip_parse(rows[i].ip, &ip));
		EQ(ip_net_contains(&n, &ip), rows[i].want);
	}
	OK(!ip_net_parse("10.0.0.0", &n));
	OK(!ip_net_parse("10.0.0.0/33", &n));
	OK(!ip_net_parse("10.0.0.0/", &n));
	OK(!ip_net_parse("10.0.0.0/-1", &n));
	OK(!ip_net_parse("fd00::/129", &n));
}
