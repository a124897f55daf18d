/* error.c - BearSSL's numbers in words. */
#include "core/base/base.h"
#include "net/tls/chain.h"

static const struct {
	int code;
	const char *text;
} texts[] = {
	{ BR_ERR_OK, "no error" },
	{ BR_ERR_UNSUPPORTED_VERSION, "it speaks another version of TLS" },
	{ BR_ERR_BAD_VERSION, "what it sent is not TLS 1.2" },
	{ BR_ERR_TOO_LARGE, "it sent a record that is too large" },
	{ BR_ERR_BAD_MAC, "what it sent was changed on the way" },
	{ BR_ERR_UNKNOWN_TYPE, "what it sent is not TLS" },
	{ BR_ERR_UNEXPECTED, "it sent a message out of turn" },
	{ BR_ERR_BAD_CIPHER_SUITE, "it chose a cipher that was not offered" },
	{ BR_ERR_BAD_FINISHED, "the handshake was changed on the way" },
	{ BR_ERR_BAD_SIGNATURE,
	  "it does not have the key of the certificate that it shows" },
	{ BR_ERR_WRONG_KEY_USAGE, "its certificate is for another use" },
	{ BR_ERR_NO_CLIENT_AUTH, "it showed no certificate" },
	{ BR_ERR_IO, "the connection broke" },
	{ BR_ERR_X509_TRUNCATED, "it is cut short" },
	{ BR_ERR_X509_EMPTY_CHAIN, "there is none" },
	{ BR_ERR_X509_EXPIRED,
	  "a certificate in its chain has expired or is not valid yet" },
	{ BR_ERR_X509_UNSUPPORTED, "its algorithms are not supported" },
	{ BR_ERR_X509_LIMIT_EXCEEDED, "a part of it is too large" },
	{ BR_ERR_X509_WRONG_KEY_TYPE, "a key in its chain is of another kind" },
	{ BR_ERR_X509_BAD_SIGNATURE, "a signature in its chain is wrong" },
	{ BR_ERR_X509_DN_MISMATCH, "its chain does not hang together" },
	{ BR_ERR_X509_CRITICAL_EXTENSION,
	  "it has a critical extension that is not known" },
	{ BR_ERR_X509_NOT_CA,
	  "it was signed by a certificate that is not of a CA" },
	{ BR_ERR_X509_FORBIDDEN_KEY_USAGE,
	  "a key in its chain was used for what it is not for" },
	{ BR_ERR_X509_NOT_TRUSTED,
	  "it was not issued by a root that is trusted here" },
};

/* TLS alerts that say more than that something failed; RFC 5246, 7.2.2. */
static const struct {
	int code;
	const char *text;
} alerts[] = {
	{ 40, "it refused the handshake" },
	{ 42, "it refused our certificate" },
	{ 44, "it refused our certificate as revoked" },
	{ 45, "it refused our certificate as expired" },
	{ 46, "it refused our certificate" },
	{ 48, "it does not trust the root of our certificate" },
	{ 70, "it speaks another version of TLS" },
	{ 80, "it had an error of its own" },
};

const char *
tls_error(int code)
{
	if (code > BR_ERR_RECV_FATAL_ALERT && code < BR_ERR_SEND_FATAL_ALERT) {
		for (size_t i = 0; i < ARRAY_LEN(alerts); i++)
			if (alerts[i].code == code - BR_ERR_RECV_FATAL_ALERT)
				return alerts[i].text;
		return "it ended the handshake with an alert";
	}
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (texts[i].code == code)
			return texts[i].text;
	if (code >= BR_ERR_X509_INVALID_VALUE && code < BR_ERR_X509_NOT_TRUSTED)
		return "it is not a proper certificate";
	return "what it sent is not proper TLS";
}
