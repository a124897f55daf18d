/* order.c - see order.h. */
#include "exec/order.h"

#include <errno.h>
#include <signal.h>

#include "core/base/str.h"
#include "exec/fs.h"
#include "exec/signals.h"

#define F(T, m, n, k)                                                          \
	{                                                                      \
		.name = #m, .tag = (n), .offset = offsetof(T, m), .kind = (k)  \
	}
#define FT(T, m, n, k, t)                                                      \
	{                                                                      \
		.name = #m, .tag = (n), .offset = offsetof(T, m), .kind = (k), \
		.type = (t)                                                    \
	}
#define TYPE(T, f)                                                             \
	{                                                                      \
#T, sizeof(struct T), f, ARRAY_LEN(f)                          \
	}

#define H struct healthcheck
static const struct field health_fields[] = {
	F(H, test, 1, FIELD_STRINGS),	F(H, interval_ns, 2, FIELD_I64),
	F(H, timeout_ns, 3, FIELD_I64), F(H, start_period_ns, 4, FIELD_I64),
	F(H, retries, 5, FIELD_I64),	F(H, start_interval_ns, 6, FIELD_I64),
};
static const struct type health_type = TYPE(healthcheck, health_fields);

#define D struct driver
static const struct field driver_fields[] = {
	F(D, name, 1, FIELD_STRING),
	F(D, options, 2, FIELD_KVS),
};
static const struct type driver_type_here = TYPE(driver, driver_fields);

#define I struct order_image
static const struct field image_fields[] = {
	F(I, id, 1, FIELD_STRING),
	F(I, reference, 2, FIELD_STRING),
	F(I, layers, 3, FIELD_STRINGS),
	F(I, entrypoint, 4, FIELD_STRINGS),
	F(I, cmd, 5, FIELD_STRINGS),
	F(I, env, 6, FIELD_STRINGS),
	F(I, user, 7, FIELD_STRING),
	F(I, working_dir, 8, FIELD_STRING),
	F(I, stop_signal, 9, FIELD_STRING),
	F(I, volumes, 10, FIELD_STRINGS),
	FT(I, healthcheck, 11, FIELD_PTR, &health_type),
	F(I, labels, 12, FIELD_KVS),
	F(I, exposed_ports, 13, FIELD_STRINGS),
};
static const struct type image_type = TYPE(order_image, image_fields);

#define O struct order
static const struct field order_fields[] = {
	F(O, task_id, 1, FIELD_STRING),
	F(O, container_id, 2, FIELD_STRING),
	F(O, name, 3, FIELD_STRING),
	F(O, hostname, 4, FIELD_STRING),
	F(O, network, 5, FIELD_STRING),
	F(O, bridge, 6, FIELD_STRING),
	F(O, address, 7, FIELD_STRING),
	F(O, gateway, 8, FIELD_STRING),
	F(O, root, 9, FIELD_STRING),
	F(O, run, 10, FIELD_STRING),
	F(O, runtime, 11, FIELD_STRING),
	F(O, self, 12, FIELD_STRING),
	F(O, labels, 13, FIELD_KVS),
	FT(O, spec, 14, FIELD_STRUCT, &task_spec_type),
	FT(O, log_driver, 15, FIELD_PTR, &driver_type_here),
	FT(O, image, 16, FIELD_STRUCT, &image_type),
};
const struct type order_type = TYPE(order, order_fields);

int
order_write(const char *path, const struct order *o, struct err *e)
{
	struct buf out = { 0 };
	int r;

	model_pack(&order_type, o, &out);
	r = fs_write(path, out.p, out.len, 0600, e);
	buf_fini(&out);
	return r;
}

int
order_read(const char *path, struct arena *a, struct order *ret, struct err *e)
{
	struct buf in = { 0 };
	int r = fs_read(path, ORDER_BYTES_MAX, &in, e);

	if (r == 0)
		r = model_unpack(&order_type, in.p, in.len, a, ret, e);
	buf_fini(&in);
	if (r == 0 && ret->spec.container == NULL)
		r = err_set(e, -EINVAL, "it has no container");
	if (r < 0)
		return err_wrap(e, r, "the order %s", path);
	return 0;
}

static void
append(struct strings *to, const struct strings *from)
{
	for (uint32_t i = 0; i < from->count; i++)
		to->v[to->count++] = from->v[i];
}

int
order_argv(const struct order *o, struct arena *a, struct strings *ret,
	   struct err *e)
{
	const struct container_spec *c = o->spec.container;
	const struct strings *entry = &o->image.entrypoint;
	const struct strings *args = &o->image.cmd;
	struct strings argv = { 0 };

	if (c->command.count > 0) {
		entry = &c->command;
		args = &c->args;
	} else if (c->args.count > 0) {
		args = &c->args;
	}
	argv.v = arena_array(a, entry->count + args->count + 1, sizeof(char *));
	append(&argv, entry);
	append(&argv, args);
	if (argv.count == 0 || str_empty(argv.v[0]))
		return err_set(e, -EINVAL, "No command specified");
	*ret = argv;
	return 0;
}

int
order_stop_signal(const struct order *o)
{
	const char *name =
		str_or(o->spec.container->stop_signal, o->image.stop_signal);
	int n = str_empty(name) ? SIGTERM : signal_number(name);

	return n > 0 ? n : SIGTERM;
}
