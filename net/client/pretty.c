/* pretty.c - see pretty.h. Labels and tabs are Docker's. */
#include "net/client/pretty.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/base/time_text.h"
#include "net/client/tree.h"

/* ---- parts
 * ------------------------------------------------------------------------ */

static void
put_labels(const json_t *labels, const char *prefix, const char *equals,
	   struct buf *out)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)labels, key, value)
	{
		const char *v = str_or(json_string_value(value), "");

		buf_printf(out, "%s%s%s%s\n", prefix, key, *v ? equals : "", v);
	}
}

static void
put_list(const json_t *list, const char *label, struct buf *out)
{
	if (json_array_size(list) == 0)
		return;
	buf_puts(out, label);
	for (size_t i = 0; i < json_array_size(list); i++)
		buf_printf(
			out, "%s ",
			str_or(json_string_value(json_array_get(list, i)), ""));
	buf_putc(out, '\n');
}

static void
put_text(const json_t *tree, const char *path, const char *label,
	 struct buf *out)
{
	const char *s = tree_str(tree, path);

	if (*s != '\0')
		buf_printf(out, "%s%s\n", label, s);
}

static void
put_duration(int64_t ns, const char *label, struct buf *out)
{
	char text[TIME_TEXT_MAX];

	duration_format(ns, text);
	buf_printf(out, "%s%s\n", label, text);
}

static void
put_memory(int64_t bytes, const char *label, struct buf *out)
{
	char text[TIME_TEXT_MAX];

	if (bytes <= 0)
		return;
	size_human_binary((uint64_t)bytes, text);
	buf_printf(out, "%s%s\n", label, text);
}

/* "a, b" */
static void
put_commas(const json_t *list, const char *label, struct buf *out)
{
	if (json_array_size(list) == 0)
		return;
	buf_puts(out, label);
	for (size_t i = 0; i < json_array_size(list); i++)
		buf_printf(
			out, "%s%s", i > 0 ? ", " : "",
			str_or(json_string_value(json_array_get(list, i)), ""));
	buf_putc(out, '\n');
}

/* "[a b]", as Go prints a list. */
static void
put_go_list(const json_t *list, const char *label, struct buf *out)
{
	if (json_array_size(list) == 0)
		return;
	buf_printf(out, "%s[", label);
	for (size_t i = 0; i < json_array_size(list); i++)
		buf_printf(
			out, "%s%s", i > 0 ? " " : "",
			str_or(json_string_value(json_array_get(list, i)), ""));
	buf_puts(out, "]\n");
}

/* ---- service
 * ----------------------------------------------------------------------- */

static void
put_mode(const json_t *s, struct buf *out)
{
	const json_t *replicas = tree_get(s, "Spec.Mode.Replicated.Replicas");

	buf_puts(out, "Service Mode:");
	if (tree_get(s, "Spec.Mode.Global") != NULL)
		buf_puts(out, "\tGlobal");
	else if (tree_get(s, "Spec.Mode.Replicated") != NULL)
		buf_puts(out, "\tReplicated");
	buf_putc(out, '\n');
	if (replicas != NULL)
		buf_printf(out, " Replicas:\t%lld\n",
			   (long long)json_integer_value(replicas));
}

static void
put_update_status(struct cli *cli, const json_t *s, struct buf *out)
{
	const json_t *u = tree_get(s, "UpdateStatus");
	const char *state = tree_str(u, "State");
	int64_t started = tree_time(u, "StartedAt");

	if (*state == '\0')
		return;
	buf_printf(out, "UpdateStatus:\n State:\t\t%s\n", state);
	if (started != TIME_ZERO)
		buf_printf(out, " Started:\t%s\n", text_ago(cli, started));
	if (str_eq(state, "completed"))
		buf_printf(out, " Completed:\t%s\n",
			   text_ago(cli, tree_time(u, "CompletedAt")));
	buf_printf(out, " Message:\t%s\n", tree_str(u, "Message"));
}

static void
put_placement(const json_t *s, struct buf *out)
{
	const json_t *p = tree_get(s, "Spec.TaskTemplate.Placement");
	const json_t *prefs = tree_get(p, "Preferences");
	int64_t most = tree_i64(p, "MaxReplicas");

	buf_puts(out, "Placement:\n");
	put_go_list(tree_get(p, "Constraints"), " Constraints:\t", out);
	if (json_array_size(prefs) > 0) {
		buf_puts(out, " Preferences:   [");
		for (size_t i = 0; i < json_array_size(prefs); i++)
			buf_printf(out, "%sspread=%s", i > 0 ? " " : "",
				   tree_str(json_array_get(prefs, i),
					    "Spread.SpreadDescriptor"));
		buf_puts(out, "]\n");
	}
	if (most > 0)
		buf_printf(out, " Max Replicas Per Node:   %lld\n",
			   (long long)most);
}

static void
put_update_config(const json_t *u, const char *title, const char *word,
		  struct buf *out)
{
	if (u == NULL)
		return;
	buf_printf(out, "%s:\n Parallelism:\t%lld\n", title,
		   (long long)tree_i64(u, "Parallelism"));
	if (tree_i64(u, "Delay") != 0)
		put_duration(tree_i64(u, "Delay"), " Delay:\t\t", out);
	buf_printf(out, " On failure:\t%s\n", tree_str(u, "FailureAction"));
	if (tree_i64(u, "Monitor") != 0)
		put_duration(tree_i64(u, "Monitor"),
			     " Monitoring Period: ", out);
	buf_printf(out, " Max failure ratio: %g\n",
		   tree_float(u, "MaxFailureRatio"));
	buf_printf(out, " %s order:%*s%s\n", word,
		   str_eq(word, "Update") ? 6 : 4, "", tree_str(u, "Order"));
}

static void
put_container(const json_t *c, struct buf *out)
{
	buf_printf(out, "ContainerSpec:\n Image:\t\t%s\n",
		   tree_str(c, "Image"));
	put_list(tree_get(c, "Args"), " Args:\t\t", out);
	put_list(tree_get(c, "Env"), " Env:\t\t", out);
	put_text(c, "Dir", " Dir:\t\t", out);
	if (tree_get(c, "Init") != NULL)
		buf_printf(out, " Init:\t\t%s\n",
			   tree_bool(c, "Init") ? "true" : "false");
	put_text(c, "User", " User: ", out);
}

static void
put_capabilities(const json_t *c, struct buf *out)
{
	const json_t *add = tree_get(c, "CapabilityAdd");
	const json_t *drop = tree_get(c, "CapabilityDrop");

	if (json_array_size(add) + json_array_size(drop) == 0)
		return;
	buf_puts(out, "Capabilities:\n");
	put_commas(add, " Add: ", out);
	put_commas(drop, " Drop: ", out);
}

static void
put_ulimits(const json_t *list, struct buf *out)
{
	if (json_array_size(list) > 0)
		buf_puts(out, "Ulimits:\n");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *u = json_array_get(list, i);

		buf_printf(out, " %s: %lld:%lld\n", tree_str(u, "Name"),
			   (long long)tree_i64(u, "Soft"),
			   (long long)tree_i64(u, "Hard"));
	}
}

static void
put_mounts(const json_t *list, struct buf *out)
{
	if (json_array_size(list) > 0)
		buf_puts(out, "Mounts:\n");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *m = json_array_get(list, i);

		buf_printf(out,
			   " Target:\t%s\n  Source:\t%s\n  ReadOnly:\t%s\n"
			   "  Type:\t\t%s\n",
			   tree_str(m, "Target"), tree_str(m, "Source"),
			   tree_bool(m, "ReadOnly") ? "true" : "false",
			   tree_str(m, "Type"));
	}
}

static void
put_log_driver(const json_t *s, struct buf *out)
{
	const json_t *d = tree_get(s, "Spec.TaskTemplate.LogDriver");
	const json_t *options = tree_get(d, "Options");

	if (d == NULL)
		return;
	buf_puts(out, "Log Driver:\n");
	put_text(d, "Name", " Name:\t\t", out);
	if (json_object_size(options) > 0) {
		buf_puts(out, " LogOpts:\n");
		put_labels(options, "  ", ":       ", out);
	}
	buf_putc(out, '\n');
}

static void
put_resources(const json_t *s, struct buf *out)
{
	const json_t *r = tree_get(s, "Spec.TaskTemplate.Resources");
	static const char *const parts[][2] = {
		{ "Reservations", " Reservations:\n" },
		{ "Limits", " Limits:\n" },
	};

	if (r == NULL)
		return;
	buf_puts(out, "Resources:\n");
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		const json_t *part = tree_get(r, parts[i][0]);
		int64_t cpus = tree_i64(part, "NanoCPUs");

		if (cpus <= 0 && tree_i64(part, "MemoryBytes") <= 0 &&
		    tree_i64(part, "Pids") <= 0)
			continue;
		buf_puts(out, parts[i][1]);
		if (cpus > 0)
			buf_printf(out, "  CPU:\t\t%.10g\n",
				   (double)cpus / 1e9);
		put_memory(tree_i64(part, "MemoryBytes"), "  Memory:\t", out);
		if (tree_i64(part, "Pids") > 0)
			buf_printf(out, "  PIDs:\t\t%lld\n",
				   (long long)tree_i64(part, "Pids"));
	}
}

/* Network ids are shown as names where the daemon still has them. */
static void
put_networks(struct cli *cli, const json_t *s, struct buf *out)
{
	const json_t *list = tree_get(s, "Spec.TaskTemplate.Networks");

	if (json_array_size(list) == 0)
		return;
	buf_puts(out, "Networks:");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *id = tree_str(json_array_get(list, i), "Target");
		json_t *network = NULL;
		struct err e;

		if (cli_get(cli,
			    arena_printf(&cli->arena, "/networks/%s",
					 cli_escape(cli, id)),
			    &network, &e) == 0)
			id = str_or(arena_strdup(&cli->arena,
						 tree_str(network, "Name")),
				    id);
		buf_printf(out, " %s", id);
		json_decref(network);
	}
	buf_puts(out, " \n");
}

static void
put_ports(const json_t *s, struct buf *out)
{
	const json_t *list = tree_get(s, "Endpoint.Ports");

	if (json_array_size(list) == 0)
		return;
	buf_puts(out, "Ports:\n");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *p = json_array_get(list, i);

		buf_printf(out,
			   " PublishedPort = %lld\n  Protocol = %s\n"
			   "  TargetPort = %lld\n  PublishMode = %s%s\n",
			   (long long)tree_i64(p, "PublishedPort"),
			   str_or(tree_str(p, "Protocol"), "tcp"),
			   (long long)tree_i64(p, "TargetPort"),
			   str_or(tree_str(p, "PublishMode"), "ingress"),
			   /* Docker's template leaves a blank at the end. */
			   i + 1 == json_array_size(list) ? " " : "");
	}
}

static void
put_healthcheck(const json_t *h, struct buf *out)
{
	const json_t *test = tree_get(h, "Test");

	if (h == NULL)
		return;
	buf_puts(out, " Healthcheck:\n");
	put_duration(tree_i64(h, "Interval"), "  Interval = ", out);
	buf_printf(out, "  Retries = %lld\n",
		   (long long)tree_i64(h, "Retries"));
	put_duration(tree_i64(h, "StartPeriod"), "  StartPeriod =\t", out);
	put_duration(tree_i64(h, "Timeout"), "  Timeout =\t", out);
	if (json_array_size(test) > 0)
		buf_puts(out, "  Tests:\n");
	for (size_t i = 0; i < json_array_size(test); i++)
		buf_printf(
			out, "\t Test = %s\n",
			str_or(json_string_value(json_array_get(test, i)), ""));
}

void
pretty_service(struct cli *cli, const json_t *s, struct buf *out)
{
	const json_t *c = tree_get(s, "Spec.TaskTemplate.ContainerSpec");
	const json_t *labels = tree_get(s, "Spec.Labels");
	const char *mode = tree_str(s, "Spec.EndpointSpec.Mode");

	buf_printf(out, "\nID:\t\t%s\nName:\t\t%s\n", tree_str(s, "ID"),
		   tree_str(s, "Spec.Name"));
	if (json_object_size(labels) > 0)
		buf_puts(out, "Labels:\n");
	put_labels(labels, " ", "=", out);
	put_mode(s, out);
	put_update_status(cli, s, out);
	put_placement(s, out);
	put_update_config(tree_get(s, "Spec.UpdateConfig"), "UpdateConfig",
			  "Update", out);
	put_update_config(tree_get(s, "Spec.RollbackConfig"), "RollbackConfig",
			  "Rollback", out);
	put_container(c, out);
	put_capabilities(c, out);
	if (json_object_size(tree_get(c, "Sysctls")) > 0)
		buf_puts(out, "SysCtls:\n");
	put_labels(tree_get(c, "Sysctls"), " ", ": ", out);
	put_ulimits(tree_get(c, "Ulimits"), out);
	put_mounts(tree_get(c, "Mounts"), out);
	put_log_driver(s, out);
	put_resources(s, out);
	put_networks(cli, s, out);
	buf_printf(out, "Endpoint Mode:\t%s\n", mode);
	put_ports(s, out);
	put_healthcheck(tree_get(c, "Healthcheck"), out);
	buf_putc(out, '\n');
}

/* ---- node
 * -----------------------------------------------------------------------------
 */

static void
put_manager(struct arena *a, const json_t *node, struct buf *out)
{
	const json_t *m = tree_get(node, "ManagerStatus");

	if (m == NULL)
		return;
	buf_printf(out,
		   "Manager Status:\n Address:\t\t%s\n Raft Status:\t\t%s\n"
		   " Leader:\t\t%s\n",
		   tree_str(m, "Addr"),
		   text_title(a, tree_str(m, "Reachability")),
		   tree_bool(m, "Leader") ? "Yes" : "No");
}

/* The plugins of one type, which come sorted. */
static void
put_plugins(const json_t *node, struct buf *out)
{
	const json_t *list = tree_get(node, "Description.Engine.Plugins");
	const char *type = "";

	if (json_array_size(list) > 0)
		buf_puts(out, "Plugins:");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *p = json_array_get(list, i);
		const char *t = tree_str(p, "Type");

		if (!str_eq(t, type))
			buf_printf(out, "\n %s:\t\t%s", t, tree_str(p, "Name"));
		else
			buf_printf(out, ", %s", tree_str(p, "Name"));
		type = t;
	}
	if (json_array_size(list) > 0)
		buf_putc(out, '\n');
}

static void
put_tls(const json_t *node, struct buf *out)
{
	const json_t *tls = tree_get(node, "Description.TLSInfo");

	if (tls == NULL)
		return;
	buf_printf(out,
		   "TLS Info:\n TrustRoot:\n%s\n Issuer Subject:\t%s\n"
		   " Issuer Public Key:\t%s\n",
		   tree_str(tls, "TrustRoot"),
		   tree_str(tls, "CertIssuerSubject"),
		   tree_str(tls, "CertIssuerPublicKey"));
}

/* 2006-01-02 15:04:05.999 +0000 utc, as Docker's, from RFC 3339. */
static const char *
joined_at(struct arena *a, const char *text)
{
	size_t len = strlen(text);

	if (len < 11 || text[len - 1] != 'Z')
		return text;
	return arena_printf(a, "%.10s %.*s +0000 utc", text, (int)(len - 12),
			    text + 11);
}

void
pretty_node(struct cli *cli, const json_t *n, struct buf *out)
{
	struct arena *a = &cli->arena;
	const json_t *labels = tree_get(n, "Spec.Labels");
	const json_t *engine = tree_get(n, "Description.Engine.Labels");
	char memory[TIME_TEXT_MAX];

	size_human_binary(
		(uint64_t)tree_i64(n, "Description.Resources.MemoryBytes"),
		memory);
	buf_printf(out, "ID:\t\t\t%s\n", tree_str(n, "ID"));
	put_text(n, "Spec.Name", "Name:\t\t\t", out);
	if (json_object_size(labels) > 0)
		buf_puts(out, "Labels:\n");
	put_labels(labels, " - ", "=", out);
	buf_printf(out, "Hostname:              \t%s\n",
		   tree_str(n, "Description.Hostname"));
	buf_printf(out, "Joined at:             \t%s\n",
		   joined_at(a, tree_str(n, "CreatedAt")));
	buf_printf(out, "Status:\n State:\t\t\t%s\n",
		   text_title(a, tree_str(n, "Status.State")));
	if (*tree_str(n, "Status.Message"))
		buf_printf(out, " Message:\t\t%s\n",
			   text_title(a, tree_str(n, "Status.Message")));
	buf_printf(out, " Availability:         \t%s\n",
		   text_title(a, tree_str(n, "Spec.Availability")));
	put_text(n, "Status.Addr", " Address:\t\t", out);
	put_manager(a, n, out);
	buf_printf(out,
		   "Platform:\n Operating System:\t%s\n Architecture:\t\t%s\n",
		   tree_str(n, "Description.Platform.OS"),
		   tree_str(n, "Description.Platform.Architecture"));
	buf_printf(out, "Resources:\n CPUs:\t\t\t%lld\n Memory:\t\t%s\n",
		   (long long)(tree_i64(n, "Description.Resources.NanoCPUs") /
			       1000000000),
		   memory);
	put_plugins(n, out);
	buf_printf(out, "Engine Version:\t\t%s\n",
		   tree_str(n, "Description.Engine.EngineVersion"));
	if (json_object_size(engine) > 0)
		buf_puts(out, "Engine Labels:\n");
	put_labels(engine, " - ", "=", out);
	put_tls(n, out);
}

/* ---- all
 * -----------------------------------------------------------------------------
 */

int
pretty_print(struct cli *cli, const struct strings *refs, inspect_fn get,
	     pretty_fn write)
{
	struct buf out = { 0 }, errors = { 0 };
	int rc = CLI_OK;

	for (uint32_t i = 0; i < refs->count; i++) {
		struct buf body = { 0 };
		struct err e = { 0 };
		json_t *tree = NULL;

		rc = get(cli, refs->v[i], &body, &e);
		if (rc == 0)
			tree = json_loadb(body.len ? body.p : "", body.len, 0,
					  NULL);
		if (tree != NULL) {
			write(cli, tree, &out);
		} else {
			buf_printf(&errors, "%s%s", errors.len ? "\n" : "",
				   rc ? e.msg
				      : "the daemon's answer is not JSON");
		}
		json_decref(tree);
		buf_fini(&body);
	}
	fputs(cli_clean(&cli->arena, buf_cstr(&out)), cli->out);
	rc = errors.len > 0 ? cli_fail(cli, "%s", buf_cstr(&errors)) : CLI_OK;
	buf_fini(&out);
	buf_fini(&errors);
	return rc;
}
