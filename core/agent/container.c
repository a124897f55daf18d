/*
 * container.c - the containers of this host as docker ps, inspect and logs
 * read them (facts 12.4): GET /containers/json and /containers/{id}/json.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/agent/agent_impl.h"
#include "core/base/json.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/base/time_text.h"

/* ---- which one -------------------------------------------------------- */

static bool
is_shown(const struct job *j)
{
	return j->task != NULL && j->r.ordered && !str_empty(j->r.container_id);
}

static bool
is_called(const struct job *j, const char *ref)
{
	if (ref[0] == '/')
		ref++;
	return str_eq(j->r.name, ref) || str_eq(j->r.container_id, ref) ||
	       str_eq(j->id, ref);
}

/* By its whole name or id; else by a prefix of its id that no other has. */
static const struct job *
find(const struct agent *a, const char *ref)
{
	const struct job *hit = NULL;

	if (str_empty(ref))
		return NULL;
	for (size_t i = 0; i < a->count; i++)
		if (is_shown(a->jobs[i]) && is_called(a->jobs[i], ref))
			return a->jobs[i];
	for (size_t i = 0; i < a->count; i++) {
		if (!is_shown(a->jobs[i]) ||
		    !str_starts(a->jobs[i]->r.container_id, ref))
			continue;
		if (hit != NULL)
			return NULL;
		hit = a->jobs[i];
	}
	return hit;
}

const struct task *
agent_container(const struct agent *a, const char *ref,
		const char **ret_container_id)
{
	const struct job *j = find(a, ref);

	if (j == NULL)
		return NULL;
	*ret_container_id = j->r.container_id;
	return j->task;
}

/* ---- what state it is in ---------------------------------------------- */

static bool
is_running(const struct job *j)
{
	return j->r.phase == JOB_RUNNING ||
	       (j->r.phase == JOB_STOPPING && j->r.started_at != 0);
}

static const char *
state_of(const struct job *j)
{
	if (is_running(j))
		return "running";
	if (j->r.phase == JOB_REMOVING)
		return "removing";
	return j->r.started_at != 0 ? "exited" : "created";
}

static void
put_status(struct json *w, const struct job *j, struct now now)
{
	char age[TIME_TEXT_MAX];
	const char *health = health_name(j->health.state);
	struct buf b = { 0 };

	if (is_running(j)) {
		duration_human(now.wall_ns - j->r.started_at, age);
		buf_printf(&b, "Up %s", age);
		if (j->health.state == HEALTH_STARTING)
			buf_puts(&b, " (health: starting)");
		else if (health[0] != '\0')
			buf_printf(&b, " (%s)", health);
	} else if (j->r.started_at != 0) {
		duration_human(now.wall_ns - j->r.finished_at, age);
		buf_printf(&b, "Exited (%lld) %s ago",
			   (long long)j->r.container.exit_code, age);
	} else {
		buf_puts(&b, "Created");
	}
	json_put_str(w, "Status", buf_cstr(&b));
	buf_fini(&b);
}

static int64_t
created_at(const struct job *j)
{
	return j->task->head.created_at;
}

static const struct container_spec *
spec_of(const struct job *j)
{
	static const struct container_spec none;

	return j->task->spec.container != NULL ? j->task->spec.container
					       : &none;
}

static const struct runner_image *
image_of(const struct job *j)
{
	static const struct runner_image none;

	return j->r.image != NULL ? j->r.image : &none;
}

/* ---- pieces that both answers have ------------------------------------ */

static void
put_labels(struct json *w, const struct agent *a, const struct job *j)
{
	struct arena arena;
	struct kvs labels;

	arena_init(&arena);
	labels = place_labels(a, j, &arena);
	json_key(w, "Labels");
	json_open(w, '{');
	for (uint32_t i = 0; i < labels.count; i++)
		json_put_str(w, labels.v[i].key, labels.v[i].value);
	json_close(w, '}');
	arena_fini(&arena);
}

static void
put_mounts(struct json *w, const struct job *j)
{
	const struct container_spec *c = spec_of(j);

	json_key(w, "Mounts");
	json_open(w, '[');
	for (uint32_t i = 0; i < c->mounts.count; i++) {
		const struct mount *m = &c->mounts.v[i];

		json_open(w, '{');
		json_put_str(w, "Type", enum_name(&mount_type_names, m->type));
		if (m->type == MOUNT_VOLUME)
			json_put_str(w, "Name", m->source);
		json_put_str(w, "Source", m->source);
		json_put_str(w, "Destination", m->target);
		json_put_str(w, "Mode", "");
		json_put_bool(w, "RW", !m->read_only);
		json_put_str(w, "Propagation",
			     m->type == MOUNT_BIND ? "rprivate" : "");
		json_close(w, '}');
	}
	json_close(w, ']');
}

static const char *
network_name(const struct job *j)
{
	switch (place_net(j->task)) {
	case NET_EGRESS:
		return "bridge";
	case NET_HOST:
		return "host";
	case NET_NONE:
		return "none";
	}
	return "";
}

static void
put_networks(struct json *w, const struct agent *a, const struct job *j)
{
	const char *slash =
		str_empty(j->r.address) ? NULL : strchr(j->r.address, '/');
	uint64_t bits = 0;
	struct arena arena;

	arena_init(&arena);
	json_key(w, "Networks");
	json_open(w, '{');
	json_key(w, network_name(j));
	json_open(w, '{');
	json_put_str(w, "NetworkID", network_name(j));
	json_put_str(w, "Gateway",
		     slash == NULL ? "" : place_gateway(a, &arena));
	json_put_str(w, "IPAddress", slash == NULL ? "" : j->r.status.address);
	if (slash != NULL)
		(void)str_to_u64(slash + 1, &bits);
	json_put_u64(w, "IPPrefixLen", bits);
	json_close(w, '}');
	json_close(w, '}');
	arena_fini(&arena);
}

/*
 * What the container runs, of the image and the service: the service's
 * command drops the image's arguments, its arguments replace them.
 */
struct words {
	struct strings entrypoint, cmd;
};

static struct words
words_of(const struct job *j)
{
	const struct container_spec *c = spec_of(j);
	struct words w = { 0 };

	if (j->r.image != NULL)
		w = (struct words){ j->r.image->entrypoint, j->r.image->cmd };
	if (c->command.count > 0)
		w = (struct words){ c->command, c->args };
	else if (c->args.count > 0)
		w.cmd = c->args;
	return w;
}

/* The program; ret_args is all that it is given, borrowed, NULL at its end. */
static const char *
path_and_args(const struct words *w, struct arena *a, struct strings *ret_args)
{
	const char **all = arena_array(
		a, w->entrypoint.count + w->cmd.count + 1, sizeof(*all));
	uint32_t n = 0;

	for (uint32_t i = 0; i < w->entrypoint.count; i++)
		all[n++] = w->entrypoint.v[i];
	for (uint32_t i = 0; i < w->cmd.count; i++)
		all[n++] = w->cmd.v[i];
	*ret_args =
		(struct strings){ n > 0 ? all + 1 : all, n > 0 ? n - 1 : 0 };
	return n > 0 ? all[0] : "";
}

/* As one line, as docker ps shows it: what has a space is in quotes. */
static void
put_command(struct json *w, const struct job *j)
{
	struct words words = words_of(j);
	struct buf b = { 0 };
	struct strings args;
	struct arena a;

	arena_init(&a);
	buf_puts(&b, path_and_args(&words, &a, &args));
	for (uint32_t i = 0; i < args.count; i++) {
		bool spaced = strchr(args.v[i], ' ') != NULL;

		buf_printf(&b, spaced ? " '%s'" : " %s", args.v[i]);
	}
	json_put_str(w, "Command", buf_cstr(&b));
	buf_fini(&b);
	arena_fini(&a);
}

static void
put_strings(struct json *w, const char *key, const struct strings *s)
{
	json_key(w, key);
	if (s->count == 0) {
		json_nil(w);
		return;
	}
	json_open(w, '[');
	for (uint32_t i = 0; i < s->count; i++)
		json_str(w, s->v[i]);
	json_close(w, ']');
}

/* ---- the list --------------------------------------------------------- */

/* "80/tcp" in two, or false. */
static bool
split_port(const char *text, uint64_t *ret_port, const char **ret_protocol)
{
	const char *slash = strchr(text, '/');
	char number[8] = "";

	if (slash == NULL || slash - text >= (ptrdiff_t)sizeof(number))
		return false;
	memcpy(number, text, (size_t)(slash - text));
	*ret_protocol = slash + 1;
	return str_to_u64(number, ret_port) && *ret_port <= UINT16_MAX;
}

static bool
is_bound(const struct job *j, uint64_t port, const char *protocol)
{
	for (uint32_t i = 0; i < j->r.ports.count; i++) {
		const struct port_config *c = &j->r.ports.v[i];

		if (c->target_port == port &&
		    str_eq(enum_name(&port_protocol_names, c->protocol),
			   protocol))
			return true;
	}
	return false;
}

/* Ports that the image names, and that lead nowhere. */
static void
put_exposed(struct json *w, const struct job *j)
{
	const struct strings *ports = &image_of(j)->exposed_ports;

	for (uint32_t i = 0; i < ports->count; i++) {
		const char *protocol;
		uint64_t port;

		if (!split_port(ports->v[i], &port, &protocol) ||
		    is_bound(j, port, protocol))
			continue;
		json_open(w, '{');
		json_put_u64(w, "PrivatePort", port);
		json_put_str(w, "Type", protocol);
		json_close(w, '}');
	}
}

static void
put_ports(struct json *w, const struct job *j)
{
	json_key(w, "Ports");
	json_open(w, '[');
	for (uint32_t i = 0; is_running(j) && i < j->r.ports.count; i++) {
		const struct port_config *c = &j->r.ports.v[i];

		json_open(w, '{');
		json_put_str(w, "IP", "0.0.0.0");
		json_put_u64(w, "PrivatePort", c->target_port);
		json_put_u64(w, "PublicPort", c->published_port);
		json_put_str(w, "Type",
			     enum_name(&port_protocol_names, c->protocol));
		json_close(w, '}');
	}
	if (is_running(j) && place_net(j->task) == NET_EGRESS)
		put_exposed(w, j);
	json_close(w, ']');
}

static void
put_row(struct json *w, const struct agent *a, const struct job *j,
	struct now now)
{
	struct buf name = { 0 };

	buf_printf(&name, "/%s", j->r.name);
	json_open(w, '{');
	json_put_str(w, "Id", j->r.container_id);
	json_key(w, "Names");
	json_open(w, '[');
	json_str(w, buf_cstr(&name));
	json_close(w, ']');
	json_put_str(w, "Image", spec_of(j)->image);
	json_put_str(w, "ImageID", image_of(j)->id);
	put_command(w, j);
	json_put_i64(w, "Created", created_at(j) / NS_PER_S);
	put_ports(w, j);
	put_labels(w, a, j);
	json_put_str(w, "State", state_of(j));
	put_status(w, j, now);
	json_key(w, "HostConfig");
	json_open(w, '{');
	json_put_str(w, "NetworkMode", network_name(j));
	json_close(w, '}');
	json_key(w, "NetworkSettings");
	json_open(w, '{');
	put_networks(w, a, j);
	json_close(w, '}');
	put_mounts(w, j);
	json_close(w, '}');
	buf_fini(&name);
}

/* One of the filter's values is a part of s. */
static bool
any_within(const struct filters *f, const char *key, const char *s)
{
	const struct strings *v = filters_get(f, key);

	for (uint32_t i = 0; v != NULL && i < v->count; i++)
		if (strstr(str_or(s, ""), v->v[i]) != NULL)
			return true;
	return v == NULL;
}

static bool
any_prefix(const struct filters *f, const char *key, const char *s)
{
	const struct strings *v = filters_get(f, key);

	for (uint32_t i = 0; v != NULL && i < v->count; i++)
		if (str_starts(str_or(s, ""), v->v[i]))
			return true;
	return v == NULL;
}

/* Docker's name filter sees the name with its slash. */
static bool
name_passes(const struct filters *f, const struct job *j)
{
	char name[512];
	size_t len = strlen(str_or(j->r.name, ""));

	if (len > sizeof(name) - 2)
		return any_within(f, "name", j->r.name);
	name[0] = '/';
	memcpy(name + 1, str_or(j->r.name, ""), len + 1);
	return any_within(f, "name", name);
}

static bool
is_task_passes(const struct filters *f)
{
	const struct strings *v = filters_get(f, "is-task");

	return v == NULL || v->count == 0 || str_eq(v->v[0], "true") ||
	       str_eq(v->v[0], "1");
}

static bool
passes(const struct agent *a, const struct filters *f, const struct job *j)
{
	const char *health = j->health.state == HEALTH_NONE
				     ? "none"
				     : health_name(j->health.state);
	struct arena arena;
	struct kvs labels;
	bool ok;

	arena_init(&arena);
	labels = place_labels(a, j, &arena);
	ok = filters_match_labels(f, "label", &labels) &&
	     filters_match(f, "status", state_of(j)) &&
	     filters_match(f, "health", health) && name_passes(f, j) &&
	     any_prefix(f, "id", j->r.container_id) &&
	     any_prefix(f, "ancestor", spec_of(j)->image) && is_task_passes(f);
	arena_fini(&arena);
	return ok;
}

/* The newest first, as docker ps has them. */
static int
by_age(const void *x, const void *y)
{
	const struct job *a = *(const struct job *const *)x;
	const struct job *b = *(const struct job *const *)y;

	if (created_at(a) != created_at(b))
		return created_at(a) > created_at(b) ? -1 : 1;
	return strcmp(a->id, b->id);
}

static int
refuse(struct buf *body, int status, const char *message)
{
	struct json w = { .out = body };

	json_open(&w, '{');
	json_put_str(&w, "message", message);
	json_close(&w, '}');
	return status;
}

static int
list(const struct agent *a, const struct request *r, struct now now,
     struct buf *body)
{
	static const char *const allowed[] = { "ancestor", "health", "id",
					       "is-task",  "label",  "name",
					       "status",   NULL };
	const struct job **v = mem_new_array(a->count + 1, sizeof(*v));
	struct json w = { .out = body };
	struct filters f = { 0 };
	struct arena arena;
	struct err e;
	size_t count = 0;
	uint64_t limit = 0;
	bool all;
	int status = 200;

	arena_init(&arena);
	if (filters_read(request_query(r, "filters"), allowed, &arena, &f, &e) <
	    0) {
		status = refuse(body, 400, e.msg);
		goto out;
	}
	(void)str_to_u64(request_query(r, "limit"), &limit);
	all = request_query_bool(r, "all") || limit > 0 ||
	      filters_get(&f, "status") != NULL;
	for (size_t i = 0; i < a->count; i++)
		if (is_shown(a->jobs[i]) && (all || is_running(a->jobs[i])) &&
		    passes(a, &f, a->jobs[i]))
			v[count++] = a->jobs[i];
	qsort(v, count, sizeof(*v), by_age);
	json_open(&w, '[');
	for (size_t i = 0; i < count && (limit == 0 || i < limit); i++)
		put_row(&w, a, v[i], now);
	json_close(&w, ']');
out:
	arena_fini(&arena);
	mem_free(v);
	return status;
}

/* ---- one -------------------------------------------------------------- */

static void
put_time(struct json *w, const char *key, int64_t ns)
{
	char text[TIME_TEXT_MAX];

	time_format(ns, text);
	json_put_str(w, key, text);
}

static void
put_state(struct json *w, const struct job *j)
{
	json_key(w, "State");
	json_open(w, '{');
	json_put_str(w, "Status", state_of(j));
	json_put_bool(w, "Running", is_running(j));
	json_put_bool(w, "Paused", false);
	json_put_bool(w, "Restarting", false);
	json_put_bool(w, "OOMKilled", j->r.oom_killed);
	json_put_bool(w, "Dead", false);
	json_put_i64(w, "Pid", is_running(j) ? j->r.container.pid : 0);
	json_put_i64(w, "ExitCode", j->r.container.exit_code);
	json_put_str(w, "Error", j->r.status.err);
	put_time(w, "StartedAt", j->r.started_at);
	put_time(w, "FinishedAt", j->r.finished_at);
	if (j->health.state != HEALTH_NONE) {
		json_key(w, "Health");
		json_open(w, '{');
		json_put_str(w, "Status", health_name(j->health.state));
		json_put_u64(w, "FailingStreak", j->health.streak);
		json_key(w, "Log");
		json_open(w, '[');
		json_close(w, ']');
		json_close(w, '}');
	}
	json_close(w, '}');
}

/* The service's, then those of the image that it does not set. */
static void
put_env(struct json *w, const struct job *j)
{
	const struct strings *own = &spec_of(j)->env;
	const struct strings *image = &image_of(j)->env;

	json_key(w, "Env");
	json_open(w, '[');
	for (uint32_t i = 0; i < own->count; i++)
		json_str(w, own->v[i]);
	for (uint32_t i = 0; i < image->count; i++) {
		size_t len = strcspn(image->v[i], "=");
		bool set = false;

		for (uint32_t k = 0; k < own->count && !set; k++)
			set = strcspn(own->v[k], "=") == len &&
			      memcmp(own->v[k], image->v[i], len) == 0;
		if (!set)
			json_str(w, image->v[i]);
	}
	json_close(w, ']');
}

static void
put_config(struct json *w, const struct agent *a, const struct job *j)
{
	const struct container_spec *c = spec_of(j);
	const struct runner_image *image = image_of(j);
	struct words words = words_of(j);
	char id[13] = "";

	strncat(id, str_or(j->r.container_id, ""), 12);
	json_key(w, "Config");
	json_open(w, '{');
	json_put_str(w, "Hostname", str_or(c->hostname, id));
	json_put_str(w, "User", str_or(c->user, image->user));
	json_put_bool(w, "Tty", c->tty);
	json_put_bool(w, "OpenStdin", c->open_stdin);
	put_env(w, j);
	put_strings(w, "Cmd", &words.cmd);
	json_put_str(w, "Image", c->image);
	json_put_str(w, "WorkingDir", str_or(c->dir, image->working_dir));
	put_strings(w, "Entrypoint", &words.entrypoint);
	put_labels(w, a, j);
	json_put_str(w, "StopSignal",
		     str_or(c->stop_signal, image->stop_signal));
	json_close(w, '}');
}

static void
put_host_config(struct json *w, const struct job *j)
{
	const struct driver *d = j->task->log_driver;

	json_key(w, "HostConfig");
	json_open(w, '{');
	json_put_str(w, "NetworkMode", network_name(j));
	json_key(w, "RestartPolicy");
	json_open(w, '{');
	json_put_str(w, "Name", "no");
	json_put_i64(w, "MaximumRetryCount", 0);
	json_close(w, '}');
	json_put_bool(w, "ReadonlyRootfs", spec_of(j)->read_only);
	json_key(w, "LogConfig");
	json_open(w, '{');
	json_put_str(w, "Type",
		     d == NULL ? "json-file" : str_or(d->name, "json-file"));
	json_key(w, "Config");
	json_open(w, '{');
	for (uint32_t i = 0; d != NULL && i < d->options.count; i++)
		json_put_str(w, d->options.v[i].key, d->options.v[i].value);
	json_close(w, '}');
	json_close(w, '}');
	json_close(w, '}');
}

/* "80/tcp":[{"HostIp":"0.0.0.0","HostPort":"8080"}] */
static void
put_bindings(struct json *w, const struct job *j)
{
	struct buf text = { 0 };

	json_key(w, "Ports");
	json_open(w, '{');
	for (uint32_t i = 0; i < j->r.ports.count; i++) {
		const struct port_config *c = &j->r.ports.v[i];

		buf_clear(&text);
		buf_printf(&text, "%llu/%s", (unsigned long long)c->target_port,
			   enum_name(&port_protocol_names, c->protocol));
		json_key(w, buf_cstr(&text));
		buf_clear(&text);
		buf_printf(&text, "%llu",
			   (unsigned long long)c->published_port);
		json_open(w, '[');
		json_open(w, '{');
		json_put_str(w, "HostIp", "0.0.0.0");
		json_put_str(w, "HostPort", buf_cstr(&text));
		json_close(w, '}');
		json_close(w, ']');
	}
	json_close(w, '}');
	buf_fini(&text);
}

static void
put_path(struct json *w, const struct job *j)
{
	struct words words = words_of(j);
	struct strings args;
	struct arena a;

	arena_init(&a);
	json_put_str(w, "Path", path_and_args(&words, &a, &args));
	put_strings(w, "Args", &args);
	arena_fini(&a);
}

static int
inspect(const struct agent *a, const struct request *r, struct buf *body)
{
	const struct job *j = find(a, r->target);
	struct json w = { .out = body };
	struct buf text = { 0 };

	if (j == NULL) {
		buf_printf(&text, "No such container: %s", r->target);
		(void)refuse(body, 404, buf_cstr(&text));
		buf_fini(&text);
		return 404;
	}
	json_open(&w, '{');
	json_put_str(&w, "Id", j->r.container_id);
	put_time(&w, "Created", created_at(j));
	put_path(&w, j);
	put_state(&w, j);
	json_put_str(&w, "Image", str_or(image_of(j)->id, spec_of(j)->image));
	buf_printf(&text, "/%s", j->r.name);
	json_put_str(&w, "Name", buf_cstr(&text));
	json_put_i64(&w, "RestartCount", 0);
	json_put_str(&w, "Driver", "overlay2");
	json_put_str(&w, "Platform", "linux");
	put_host_config(&w, j);
	put_mounts(&w, j);
	put_config(&w, a, j);
	json_key(&w, "NetworkSettings");
	json_open(&w, '{');
	put_bindings(&w, j);
	put_networks(&w, a, j);
	json_close(&w, '}');
	json_close(&w, '}');
	buf_fini(&text);
	return 200;
}

int
agent_containers(const struct agent *a, const struct request *r, struct now now,
		 struct buf *body)
{
	if (r->op == OP_CONTAINER_INSPECT)
		return inspect(a, r, body);
	return list(a, r, now, body);
}
