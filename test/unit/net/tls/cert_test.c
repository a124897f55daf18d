/*
 * cert_test.c - certificates, requests and keys, as we read them and as
 * openssl does. Where there is no openssl, its part is skipped with a word.
 */
#include "net/tls/cert.h"

#include <errno.h>
#include <spawn.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/base/mem.h"
#include "test/unit/net/tls/odd.h"

static char dir[32]; /* of one test: begin() to end() */

static void
in_dir(const char *name, const char *text, size_t len)
{
	char path[256];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "wb");
	OK(f != NULL);
	EQ(fwrite(text, 1, len, f), len);
	EQ(fclose(f), 0);
}

/* The exit status of a shell command in dir. */
static int
run(const char *command)
{
	char line[1024];
	char *argv[] = { (char *)"sh", (char *)"-c", line, NULL };
	char *env[] = { (char *)"PATH=/usr/bin:/bin", NULL };
	int status;
	pid_t pid;

	(void)snprintf(line, sizeof(line), "cd %s && { %s; } >out 2>&1", dir,
		       command);
	EQ(posix_spawn(&pid, "/bin/sh", NULL, NULL, argv, env), 0);
	EQ(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void
end(void)
{
	EQ(run("cd / && rm -r $OLDPWD"), 0);
}

static bool
begin(void)
{
	(void)snprintf(dir, sizeof(dir), "/tmp/swarm-cert-XXXXXX");
	OK(mkdtemp(dir) != NULL);
	if (run("command -v openssl") == 0)
		return true;
	end();
	fprintf(stderr, "skipped: no openssl\n");
	return false;
}

static void
want(const char *command)
{
	int status = run(command);

	T_ROW(command);
	if (status != 0)
		(void)!run("cat out >&2");
	EQ(status, 0);
	T_ROW(NULL);
}

static int64_t
wall_ns(void)
{
	return (int64_t)time(NULL) * NS_PER_S;
}

/* Root, leaves and a rotation as files, for openssl. */
static void
write_files(void)
{
	struct test_ca a = test_ca_at(wall_ns()), b = test_ca_at(wall_ns());
	struct test_node m = test_node_at(&a, true, wall_ns(), DAY, NULL);
	struct test_node w = test_node_at(&a, false, wall_ns(), DAY, NULL);
	struct test_node n = test_node_at(&b, true, wall_ns(), DAY, NULL);
	struct test_node far =
		test_node_at(&a, true, wall_ns(), 30 * 365 * DAY, NULL);
	struct buf cross = { 0 }, csr = { 0 }, key = { 0 };
	struct err e;

	EQ(cert_cross_sign(&a.key, a.pem, b.pem, &cross, &e), 0);
	cert_make_request(&m.key, &csr);
	cert_key_write(&m.key, &key);
	in_dir("a.pem", a.pem, strlen(a.pem));
	in_dir("b.pem", b.pem, strlen(b.pem));
	in_dir("m.pem", m.pem, strlen(m.pem));
	in_dir("w.pem", w.pem, strlen(w.pem));
	in_dir("n.pem", n.pem, strlen(n.pem));
	in_dir("far.pem", far.pem, strlen(far.pem));
	in_dir("cross.pem", cross.p, cross.len);
	in_dir("m.csr", csr.p, csr.len);
	in_dir("m.key", key.p, key.len);
	free(a.pem), free(b.pem), free(m.pem), free(w.pem), free(n.pem);
	free(far.pem);
	buf_fini(&cross);
	buf_fini(&csr);
	buf_fini(&key);
}

T(openssl_accepts_what_is_made_here)
{
	if (!begin())
		return;
	write_files();
	want("openssl verify -x509_strict -CAfile a.pem a.pem");
	for (const char *const *c =
		     (const char *const[]){ "m", "w", "far", NULL };
	     *c != NULL; c++) {
		char line[256];

		(void)snprintf(line, sizeof(line),
			       "openssl verify -x509_strict -purpose sslserver "
			       "-CAfile a.pem %s.pem && openssl verify "
			       "-x509_strict -purpose sslclient -CAfile a.pem "
			       "%s.pem",
			       *c, *c);
		want(line);
	}
	want("openssl verify -x509_strict -purpose sslserver -CAfile a.pem "
	     "-untrusted cross.pem n.pem");
	want("openssl verify -x509_strict -purpose sslclient -CAfile b.pem "
	     "n.pem");
	want("! openssl verify -CAfile a.pem n.pem");
	want("openssl verify -verify_hostname swarm-ca -CAfile a.pem m.pem");
	want("! openssl verify -verify_hostname swarm-ca -CAfile a.pem w.pem");
	want("openssl verify -verify_hostname swarm-worker -CAfile a.pem "
	     "w.pem");
	want("openssl req -inform DER -in m.csr -verify -noout");
	want("openssl ec -inform DER -in m.key -check -noout");
	want("test \"$(openssl x509 -in m.pem -noout -subject -nameopt "
	     "RFC2253)\""
	     " = 'subject=CN=" NODE_ID ",OU=swarm-manager,O=" CLUSTER_ID "'");
	want("openssl x509 -in m.pem -noout -serial | grep -qE "
	     "'^serial=[4-7][0-9A-F]{31}$'");
	want("openssl x509 -in a.pem -noout -text | grep -q 'Certificate Sign, "
	     "CRL Sign'");
	want("openssl x509 -in far.pem -noout -enddate | grep -q 20[56]");
	end();
}

T(keys_that_openssl_made_are_read)
{
	static const char *const good[] = {
		"openssl ecparam -name prime256v1 -genkey -outform DER",
		"openssl ecparam -name prime256v1 -genkey",
		"openssl ecparam -name prime256v1 -genkey -noout",
		"openssl genpkey -algorithm EC -pkeyopt "
		"ec_paramgen_curve:P-256 -outform DER",
		"openssl genpkey -algorithm EC -pkeyopt "
		"ec_paramgen_curve:P-256",
	};
	static const char *const bad[] = {
		"openssl genpkey -algorithm EC -pkeyopt "
		"ec_paramgen_curve:P-384",
		"openssl genpkey -algorithm ED25519 -outform DER",
		"openssl genrsa 2048",
		"openssl genpkey -algorithm EC -pkeyopt "
		"ec_paramgen_curve:P-256 -aes128 -pass pass:x",
		"openssl ecparam -name prime256v1",
		"head -c 100 /dev/zero",
		"head -c 5000 /dev/zero",
		"true",
	};

	if (!begin())
		return;
	for (size_t i = 0; i < ARRAY_LEN(good) + ARRAY_LEN(bad); i++) {
		bool is_good = i < ARRAY_LEN(good);
		const char *command =
			is_good ? good[i] : bad[i - ARRAY_LEN(good)];
		char path[256], bytes[8192];
		struct cert_key k = { { 0 } };
		struct err e;
		size_t len;
		FILE *f;

		want(command);
		/* What openssl says beside the key goes elsewhere. */
		(void)snprintf(path, sizeof(path), "{ %s; } 2>/dev/null",
			       command);
		want(path);
		(void)snprintf(path, sizeof(path), "%s/out", dir);
		f = fopen(path, "rb");
		OK(f != NULL);
		len = fread(bytes, 1, sizeof(bytes), f);
		EQ(fclose(f), 0);
		T_ROW(command);
		EQ(cert_key_read(bytes, len, &k, &e), is_good ? 0 : -EINVAL);
		T_ROW(NULL);
	}
	end();
}

T(a_key_is_read_as_it_was_written)
{
	struct cert_key k, back;
	struct buf der = { 0 };
	struct err e;

	for (int i = 0; i < 20; i++) {
		cert_key_make(&k);
		buf_clear(&der);
		cert_key_write(&k, &der);
		EQ(cert_key_read(der.p, der.len, &back, &e), 0);
		OK(memcmp(&k, &back, sizeof(k)) == 0);
	}
	for (size_t len = 0; len < der.len; len++)
		EQ(cert_key_read(der.p, len, &back, &e), -EINVAL);
	memset(der.p + 7, 0, 32); /* the scalar */
	EQ(cert_key_read(der.p, der.len, &back, &e), -EINVAL);
	memset(der.p + 7, 0xff, 32);
	EQ(cert_key_read(der.p, der.len, &back, &e), -EINVAL);
	buf_fini(&der);
}

T(a_root_says_what_it_is)
{
	struct test_ca a = test_ca_at(NOW);
	struct cert_facts facts;
	struct arena arena;
	struct err e;

	arena_init(&arena);
	EQ(cert_look(a.pem, &arena, &facts, &e), 0);
	EQ(facts.not_before, NOW - HOUR);
	EQ(facts.not_after, NOW + INT64_C(630720000) * NS_PER_S);
	OK(facts.ca);
	OK(der_same(facts.subject, facts.issuer));
	EQ(facts.subject.len, 21);
	OK(memcmp(facts.subject.p,
		  "\x30\x13\x31\x11\x30\x0f\x06\x03\x55\x04\x03\x13\x08"
		  "swarm-ca",
		  21) == 0);
	EQ(facts.public_key.len, 91);
	OK(cert_is_key_of(&a.key, a.pem));
	arena_fini(&arena);
	free(a.pem);
}

T(a_leaf_is_valid_from_an_hour_ago_to_an_hour_after)
{
	struct test_ca a = test_ca_at(NOW);
	struct test_node n = test_node_at(&a, false, NOW, 2160 * HOUR, NULL);
	struct test_node eternal =
		test_node_at(&a, false, NOW, INT64_MAX - DAY, NULL);
	struct cert_facts facts, root;
	struct arena arena;
	struct err e;

	arena_init(&arena);
	EQ(cert_look(n.pem, &arena, &facts, &e), 0);
	EQ(facts.not_before, NOW - HOUR);
	EQ(facts.not_after, NOW + 2161 * HOUR);
	OK(!facts.ca);
	EQ(cert_look(a.pem, &arena, &root, &e), 0);
	OK(der_same(facts.issuer, root.subject));
	OK(cert_is_key_of(&n.key, n.pem));
	OK(!cert_is_key_of(&a.key, n.pem));
	EQ(cert_look(eternal.pem, &arena, &facts, &e), 0);
	OK(facts.not_after > NOW + 200 * 365 * DAY);
	arena_fini(&arena);
	free(a.pem), free(n.pem), free(eternal.pem);
}

T(serial_numbers_differ)
{
	struct test_ca a = test_ca_at(NOW);
	struct test_ca b = a;
	struct buf pem = { 0 };

	cert_make_root(&a.key, NOW, &pem);
	b.pem = buf_take(&pem);
	OK(strcmp(a.pem, b.pem) != 0);
	free(a.pem), free(b.pem);
}

/* ---- requests: only the key is taken, and only from who has it ---- */

T(a_request_that_was_changed_is_refused)
{
	struct test_ca a = test_ca_at(NOW);
	struct cert_subject s = { NODE_ID, CLUSTER_ID, true };
	struct buf csr = { 0 }, pem = { 0 };
	struct cert_key k;
	struct err e;

	cert_key_make(&k);
	cert_make_request(&k, &csr);
	for (size_t i = 0; i < csr.len; i++) {
		csr.p[i] = (char)(csr.p[i] ^ 1);
		EQ(cert_sign(&a.key, a.pem, csr.p, csr.len, &s, NOW, DAY, &pem,
			     &e),
		   -EINVAL);
		csr.p[i] = (char)(csr.p[i] ^ 1);
	}
	for (size_t len = 0; len < csr.len; len++)
		EQ(cert_sign(&a.key, a.pem, csr.p, len, &s, NOW, DAY, &pem, &e),
		   -EINVAL);
	EQ(pem.len, 0);
	EQ(cert_sign(&a.key, a.pem, csr.p, csr.len, &s, NOW, DAY, &pem, &e), 0);
	OK(cert_is_key_of(&k, buf_cstr(&pem)));
	buf_fini(&csr);
	buf_fini(&pem);
	free(a.pem);
}

T(the_names_in_a_request_are_not_taken)
{
	static const char by_openssl[] =
		"openssl ecparam -name prime256v1 -genkey -noout -out k && "
		"openssl req -new -key k -outform DER -out c -subj "
		"/O=" CLUSTER_ID "/OU=swarm-manager/CN=mallory -addext "
		"subjectAltName=DNS:swarm-ca -addext basicConstraints=CA:TRUE";
	struct cert_subject s = { PEER_ID, CLUSTER_ID, false };
	struct test_ca a = test_ca_at(NOW);
	char path[64], csr[4096];
	struct buf pem = { 0 };
	struct cert_facts facts;
	struct arena arena;
	struct err e;
	size_t len;
	FILE *f;

	if (!begin()) {
		free(a.pem);
		return;
	}
	want(by_openssl);
	(void)snprintf(path, sizeof(path), "%s/c", dir);
	f = fopen(path, "rb");
	OK(f != NULL);
	len = fread(csr, 1, sizeof(csr), f);
	EQ(fclose(f), 0);
	end();
	EQ(cert_sign(&a.key, a.pem, csr, len, &s, NOW, DAY, &pem, &e), 0);
	arena_init(&arena);
	EQ(cert_look(buf_cstr(&pem), &arena, &facts, &e), 0);
	OK(!facts.ca);
	OK(memmem(facts.subject.p, facts.subject.len, "mallory", 7) == NULL);
	OK(memmem(facts.subject.p, facts.subject.len, "manager", 7) == NULL);
	OK(memmem(facts.subject.p, facts.subject.len, PEER_ID, 25) != NULL);
	arena_fini(&arena);
	buf_fini(&pem);
	free(a.pem);
}

T(who_signs_has_the_key_of_a_ca)
{
	struct test_ca a = test_ca_at(NOW), b = test_ca_at(NOW);
	struct test_node n = test_node_at(&a, true, NOW, DAY, NULL);
	struct cert_subject s = { NODE_ID, CLUSTER_ID, true };
	struct cert_subject nobody = { "", CLUSTER_ID, true };
	struct buf csr = { 0 }, pem = { 0 };
	struct err e;

	cert_make_request(&n.key, &csr);
	EQ(cert_sign(&b.key, a.pem, csr.p, csr.len, &s, NOW, DAY, &pem, &e),
	   -EINVAL);
	EQ(cert_sign(&n.key, n.pem, csr.p, csr.len, &s, NOW, DAY, &pem, &e),
	   -EINVAL);
	EQ(cert_sign(&a.key, "", csr.p, csr.len, &s, NOW, DAY, &pem, &e),
	   -EINVAL);
	EQ(cert_sign(&a.key, a.pem, csr.p, csr.len, &nobody, NOW, DAY, &pem,
		     &e),
	   -EINVAL);
	EQ(cert_cross_sign(&b.key, a.pem, b.pem, &pem, &e), -EINVAL);
	EQ(cert_cross_sign(&a.key, a.pem, n.pem, &pem, &e), -EINVAL);
	EQ(pem.len, 0);
	buf_fini(&csr);
	free(a.pem), free(b.pem), free(n.pem);
}

/* ---- digests ---- */

T(a_digest_is_of_one_root_however_it_is_wrapped)
{
	struct test_ca a = test_ca_at(NOW);
	struct test_node n = test_node_at(&a, true, NOW, DAY, NULL);
	char plain[CERT_DIGEST_TEXT + 1], other[CERT_DIGEST_TEXT + 1];
	struct buf pem = { 0 };
	struct err e;

	EQ(cert_digest(a.pem, plain, &e), 0);
	EQ(strlen(plain), CERT_DIGEST_TEXT);
	buf_printf(&pem, "the root of our cluster\r\n%s\n\n", a.pem);
	EQ(cert_digest(buf_cstr(&pem), other, &e), 0);
	EQ_STR(other, plain);
	buf_puts(&pem, a.pem);
	EQ(cert_digest(buf_cstr(&pem), other, &e), -EINVAL);
	EQ(cert_digest(n.pem, other, &e), -EINVAL);
	EQ(cert_digest("", other, &e), -EINVAL);
	buf_fini(&pem);
	free(a.pem), free(n.pem);
}

/* ---- DER and PEM ---- */

T(lengths_are_minimal_definite_and_inside)
{
	static const struct {
		const char *p;
		size_t len;
		bool ok;
	} cases[] = {
		{ "\x30\x00", 2, true },
		{ "\x30", 1, false },
		{ "\x30\x01", 2, false },
		{ "\x30\x80\x00\x00", 4, false },	  /* endless */
		{ "\x30\x81\x01x", 4, false },		  /* not minimal */
		{ "\x30\x82\x00\x01x", 5, false },	  /* not minimal */
		{ "\x30\x83\x00\x00\x01x", 6, false },	  /* too long a way */
		{ "\x30\x84\xff\xff\xff\xff", 6, false }, /* too long */
		{ "\x3f\x01\x01x", 4, false }, /* a tag of two bytes */
		{ "\x31\x00", 2, false },      /* another tag */
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct bytes from = { (const uint8_t *)cases[i].p,
				      cases[i].len };
		struct bytes v;

		EQ(der_get(&from, DER_SEQ, &v), cases[i].ok);
		EQ(from.len, cases[i].ok ? 0 : cases[i].len);
	}
}

T(long_things_are_written_as_they_are_read)
{
	static const size_t lens[] = { 0, 1, 127, 128, 255, 256, 60000 };

	for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
		struct buf b = { 0 };
		size_t outer = der_open(&b, DER_SEQ);
		char *text = calloc(1, lens[i] + 1);
		struct bytes from, in, v;

		memset(text, 'x', lens[i]);
		der_put(&b, DER_UTF8, text, lens[i]);
		der_close(&b, outer);
		from = (struct bytes){ (uint8_t *)b.p, b.len };
		OK(der_get(&from, DER_SEQ, &in));
		EQ(from.len, 0);
		OK(der_get(&in, DER_UTF8, &v));
		EQ(v.len, lens[i]);
		OK(memcmp(v.p, text, lens[i]) == 0);
		free(text);
		buf_fini(&b);
	}
}

T(times_are_of_two_kinds)
{
	static const struct {
		int64_t s;
		const char *text;
		size_t len;
	} cases[] = {
		{ 1,
		  "\x17\x0d"
		  "700101000001Z",
		  15 },
		{ 2524607999,
		  "\x17\x0d"
		  "491231235959Z",
		  15 },
		{ 2524608000,
		  "\x18\x0f"
		  "20500101000000Z",
		  17 },
		{ -1,
		  "\x17\x0d"
		  "691231235959Z",
		  15 },
	};
	static const char *const bad[] = {
		"\x17\x0d"
		"701301000000Z",
		"\x17\x0d"
		"7001010000000",
		"\x17\x0b"
		"7001010000Z",
		"\x18\x0f"
		"2050010100000 Z",
		"\x17\x0d"
		"70010100-100Z",
	};
	struct bytes from;
	int64_t ns;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf b = { 0 };

		der_put_time(&b, cases[i].s * NS_PER_S + 5);
		EQ(b.len, cases[i].len);
		OK(memcmp(b.p, cases[i].text, b.len) == 0);
		from = (struct bytes){ (uint8_t *)b.p, b.len };
		OK(der_get_time(&from, &ns));
		EQ(ns, cases[i].s * NS_PER_S);
		buf_fini(&b);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		from = (struct bytes){ (const uint8_t *)bad[i],
				       strlen(bad[i]) };
		T_ROW(bad[i]);
		OK(!der_get_time(&from, &ns));
	}
	from = (struct bytes){ (const uint8_t *)"\x18\x0f"
						"99991231235959Z",
			       17 };
	OK(der_get_time(&from, &ns));
	EQ(ns, INT64_MAX);
}

T(pem_is_found_between_other_text)
{
	static const struct {
		const char *text;
		int r;
	} cases[] = {
		{ "", 0 },
		{ "nothing here\n", 0 },
		{ "-----BEGIN X-----\nAQID\n-----END X-----\n", 1 },
		{ "x\n-----BEGIN X-----\r\nAQ\r\nID\r\n-----END X-----", 1 },
		{ "x -----BEGIN X-----\nAQID\n-----END X-----\n", 0 },
		{ "-----BEGIN X-----\nAQID\n-----END Y-----\n", -EINVAL },
		{ "-----BEGIN X-----\nAQID\n", -EINVAL },
		{ "-----BEGIN X-----\nAQI\n-----END X-----\n", -EINVAL },
		{ "-----BEGIN X-----\n-----END X-----\n", -EINVAL },
		{ "-----BEGIN X\n", -EINVAL },
		{ "-----BEGIN 0123456789012345678901234567890123-----\nAQID\n",
		  -EINVAL },
		{ "-----BEGIN X-----\nProc-Type: 4,ENCRYPTED\n\nAQID\n"
		  "-----END X-----\n",
		  -EINVAL },
		{ "-----BEGIN X-----\nAQIDAQIDAQID\n-----END X-----\n",
		  -EINVAL },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *at = cases[i].text;
		char label[PEM_LABEL_MAX];
		struct buf out = { 0 };
		struct err e;

		T_ROW(cases[i].text);
		EQ(pem_next(&at, 8, label, &out, &e), cases[i].r);
		EQ(out.len, cases[i].r > 0 ? 3 : 0);
		if (cases[i].r > 0) {
			EQ_STR(label, "X");
			EQ(pem_next(&at, 8, label, &out, &e), 0);
		}
		buf_fini(&out);
	}
}
