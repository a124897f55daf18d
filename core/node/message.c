/* message.c - see message.h: the tables, and what each kind must have. */
#include "core/node/message.h"

#include <errno.h>

#include "core/base/check.h"
#include "core/base/str.h"
#include "core/model/fields.h"

/* clang-format off */

NAMES(message_kind,
	"hello", "done", "enroll", "renew", "enrolled", "raft", "raft-join",
	"raft-gone", "leave", "request", "reply", "request-gone", "session",
	"heartbeat", "statuses", "settings", "assign", "session-lost", "logs",
	"log-piece", "logs-stop", "relay", "heard",
	"more");

#define THIS struct hello_body
LOCAL_TYPE(hello_body, "Hello",
	U64(wire_version, "WireVersion", 1, 0),
	STRING(version, "Version", 2, 0),
	U64(raft_id, "RaftID", 3, 0),
	STRING(manager_addr, "ManagerAddr", 4, 0),
	U64(gossip_port, "GossipPort", 5, 0),
	STRING(seen, "Seen", 6, 0));
#undef THIS

#define THIS struct done_body
LOCAL_TYPE(done_body, "Done",
	I64(code, "Code", 1, 0),
	STRING(err, "Err", 2, 0));
#undef THIS

#define THIS struct enroll_body
LOCAL_TYPE(enroll_body, "Enroll",
	STRING(token, "Token", 1, 0),
	BYTES(csr, "CSR", 2, 0),
	ENUM(availability, "Availability", 3, 0, node_availability),
	STRING(hostname, "Hostname", 4, 0));
#undef THIS

#define THIS struct peer_addr
LOCAL_TYPE(peer_addr, "PeerAddr",
	STRING(node_id, "NodeID", 1, 0),
	STRING(addr, "Addr", 2, 0));
#undef THIS

#define THIS struct enrolled_body
LOCAL_TYPE(enrolled_body, "Enrolled",
	STRING(node_id, "NodeID", 1, 0),
	STRING(cluster_id, "ClusterID", 2, 0),
	BOOL(manager, "Manager", 3, 0),
	STRING(chain, "Chain", 4, 0),
	STRING(roots, "Roots", 5, 0),
	TIME(not_before, "NotBefore", 6, 0),
	TIME(not_after, "NotAfter", 7, 0),
	BYTES(issuer_subject, "IssuerSubject", 8, 0),
	BYTES(issuer_public_key, "IssuerPublicKey", 9, 0),
	LIST(managers, "Managers", 10, 0, peer_addr));
#undef THIS

#define THIS struct raft_entry_body
LOCAL_TYPE(raft_entry_body, "RaftEntry",
	U64(index, "Index", 1, 0),
	U64(term, "Term", 2, 0),
	U64(kind, "Kind", 3, 0),
	BYTES(data, "Data", 4, 0));
#undef THIS

#define THIS struct raft_body
LOCAL_TYPE(raft_body, "Raft",
	U64(type, "Type", 1, 0),
	U64(from, "From", 2, 0),
	U64(to, "To", 3, 0),
	U64(term, "Term", 4, 0),
	BOOL(pre, "Pre", 5, 0),
	BOOL(ok, "Ok", 6, 0),
	U64(index, "Index", 7, 0),
	U64(index_term, "IndexTerm", 8, 0),
	U64(commit, "Commit", 9, 0),
	U64(match, "Match", 10, 0),
	LIST(entries, "Entries", 11, 0, raft_entry_body),
	BOOL(transfer, "Transfer", 12, 0),
	BOOL(done, "Done", 13, 0),
	U64(round, "Round", 14, 0),
	U64(offset, "Offset", 15, 0),
	BYTES(members, "Members", 16, 0),
	BYTES(data, "Data", 17, 0));
#undef THIS

#define THIS struct raft_join_body
LOCAL_TYPE(raft_join_body, "RaftJoin",
	U64(raft_id, "RaftID", 1, 0),
	STRING(manager_addr, "ManagerAddr", 2, 0));
#undef THIS

#define THIS struct request_body
LOCAL_TYPE(request_body, "Request",
	STRING(key, "Key", 1, 0),
	U64(op, "Op", 2, 0),
	STRING(target, "Target", 3, 0),
	KVS(query, "Query", 4, 0),
	BYTES(body, "Body", 5, 0),
	U64(api_minor, "ApiMinor", 6, 0),
	BOOL(head, "Head", 7, 0));
#undef THIS

#define THIS struct reply_body
LOCAL_TYPE(reply_body, "Reply",
	U64(status, "Status", 1, 0),
	BYTES(body, "Body", 2, 0),
	BOOL(ended, "Ended", 3, 0),
	BOOL(more, "More", 4, 0),
	BOOL(raw, "Raw", 5, 0));
#undef THIS

#define THIS struct session_body
LOCAL_TYPE(session_body, "Session",
	STRUCT(description, "Description", 1, 0, node_description),
	STRING(addr, "Addr", 2, 0),
	U64(gossip_port, "GossipPort", 3, 0),
	U64(assigned, "Assigned", 4, 0),
	U64(checksum, "Checksum", 5, 0));
#undef THIS

#define THIS struct heartbeat_body
LOCAL_TYPE(heartbeat_body, "Heartbeat",
	U64(session, "Session", 1, 0),
	I64(period_ns, "Period", 2, 0));
#undef THIS

#define THIS struct status_item
LOCAL_TYPE(status_item, "StatusItem",
	STRING(task_id, "TaskID", 1, 0),
	STRUCT(status, "Status", 2, 0, task_status));
#undef THIS

#define THIS struct statuses_body
LOCAL_TYPE(statuses_body, "Statuses",
	U64(session, "Session", 1, 0),
	LIST(items, "Items", 2, 0, status_item));
#undef THIS

#define THIS struct settings_body
LOCAL_TYPE(settings_body, "Settings",
	U64(session, "Session", 1, 0),
	I64(heartbeat_ns, "Heartbeat", 2, 0),
	LIST(managers, "Managers", 3, 0, peer_addr),
	LIST(gossip, "Gossip", 4, 0, peer_addr),
	LIST(keys, "Keys", 5, 0, gossip_key),
	STRING(roots, "Roots", 6, 0),
	BOOL(manager, "Manager", 7, 0),
	U64(renew, "Renew", 8, 0),
	STRUCT(spec, "Spec", 9, 0, node_spec),
	BOOL(gossip_full, "GossipFull", 10, 0));
#undef THIS

#define THIS struct packed_task
LOCAL_TYPE(packed_task, "PackedTask",
	BYTES(object, "Object", 1, 0));
#undef THIS

#define THIS struct assign_body
LOCAL_TYPE(assign_body, "Assign",
	U64(session, "Session", 1, 0),
	U64(number, "Number", 2, 0),
	BOOL(full, "Full", 3, 0),
	LIST(tasks, "Tasks", 4, 0, packed_task),
	STRINGS(removed, "Removed", 5, 0),
	U64(count, "Count", 6, 0),
	U64(checksum, "Checksum", 7, 0),
	BOOL(more, "More", 8, 0));
#undef THIS

#define THIS struct log_wish
LOCAL_TYPE(log_wish, "LogWish",
	STRING(task_id, "TaskID", 1, 0),
	STRING(container_id, "ContainerID", 2, 0),
	KVS(details, "Details", 3, 0),
	BOOL(tty, "TTY", 4, 0),
	BOOL(ended, "Ended", 5, 0));
#undef THIS

#define THIS struct logs_body
LOCAL_TYPE(logs_body, "Logs",
	U64(stream, "Stream", 1, 0),
	LIST(tasks, "Tasks", 2, 0, log_wish),
	BOOL(out, "Out", 3, 0),
	BOOL(err, "Err", 4, 0),
	BOOL(follow, "Follow", 5, 0),
	BOOL(timestamps, "Timestamps", 6, 0),
	BOOL(details, "Details", 7, 0),
	BOOL(endless, "Endless", 8, 0),
	I64(since_ns, "Since", 9, 0),
	I64(until_ns, "Until", 10, 0),
	I64(tail, "Tail", 11, 0),
	BYTES(piece, "Piece", 12, 0),
	BOOL(last, "Last", 13, 0),
	STRING(why, "Why", 14, 0),
	U64(credit, "Credit", 15, 0));
#undef THIS

#define THIS struct relay_body
LOCAL_TYPE(relay_body, "Relay",
	U64(route, "Route", 1, 0),
	U64(trust, "Trust", 2, 0),
	STRING(node_id, "NodeID", 3, 0),
	BOOL(manager, "Manager", 4, 0),
	STRING(ip, "IP", 5, 0),
	BYTES(message, "Message", 6, 0),
	BOOL(gone, "Gone", 7, 0));
#undef THIS

#define THIS struct message
TYPE(message, "Message",
	ENUM(kind, "Kind", 1, 0, message_kind),
	U64(call, "Call", 2, 0),
	PTR(hello, "Hello", 3, 0, hello_body),
	PTR(done, "Done", 4, 0, done_body),
	PTR(enroll, "Enroll", 5, 0, enroll_body),
	PTR(enrolled, "Enrolled", 6, 0, enrolled_body),
	PTR(raft, "Raft", 7, 0, raft_body),
	PTR(raft_join, "RaftJoin", 8, 0, raft_join_body),
	PTR(request, "Request", 9, 0, request_body),
	PTR(reply, "Reply", 10, 0, reply_body),
	PTR(session, "Session", 11, 0, session_body),
	PTR(heartbeat, "Heartbeat", 12, 0, heartbeat_body),
	PTR(statuses, "Statuses", 13, 0, statuses_body),
	PTR(settings, "Settings", 14, 0, settings_body),
	PTR(assign, "Assign", 15, 0, assign_body),
	PTR(logs, "Logs", 16, 0, logs_body),
	PTR(relay, "Relay", 17, 0, relay_body));
#undef THIS

/* clang-format on */

/* The part that a kind cannot be without; 0: none. */
static const size_t needs[MESSAGE_KIND_COUNT] = {
	[MESSAGE_HELLO] = offsetof(struct message, hello),
	[MESSAGE_DONE] = offsetof(struct message, done),
	[MESSAGE_ENROLL] = offsetof(struct message, enroll),
	[MESSAGE_RENEW] = offsetof(struct message, enroll),
	[MESSAGE_ENROLLED] = offsetof(struct message, enrolled),
	[MESSAGE_RAFT] = offsetof(struct message, raft),
	[MESSAGE_RAFT_JOIN] = offsetof(struct message, raft_join),
	[MESSAGE_REQUEST] = offsetof(struct message, request),
	[MESSAGE_REPLY] = offsetof(struct message, reply),
	[MESSAGE_SESSION] = offsetof(struct message, session),
	[MESSAGE_HEARTBEAT] = offsetof(struct message, heartbeat),
	[MESSAGE_STATUSES] = offsetof(struct message, statuses),
	[MESSAGE_SETTINGS] = offsetof(struct message, settings),
	[MESSAGE_ASSIGN] = offsetof(struct message, assign),
	[MESSAGE_LOGS] = offsetof(struct message, logs),
	[MESSAGE_LOG_PIECE] = offsetof(struct message, logs),
	[MESSAGE_LOGS_STOP] = offsetof(struct message, logs),
	[MESSAGE_RELAY] = offsetof(struct message, relay),
	[MESSAGE_HEARD] = offsetof(struct message, heartbeat),
	[MESSAGE_MORE] = offsetof(struct message, logs),
};

static bool
is_whole(const struct message *m)
{
	size_t at = needs[m->kind];
	void *part;

	if (at == 0)
		return true;
	part = *(void *const *)((const char *)m + at);
	return part != NULL;
}

void
message_pack(const struct message *m, struct buf *out)
{
	check(m->kind > 0 && m->kind < MESSAGE_KIND_COUNT);
	check(is_whole(m));
	model_pack(&message_type, m, out);
}

int
message_unpack(const void *p, size_t len, struct arena *a, struct message *ret,
	       struct err *e)
{
	int r = model_unpack(&message_type, p, len, a, ret, e);

	if (r < 0)
		return err_wrap(e, r, "a message of %zu bytes", len);
	if (ret->kind <= 0 || ret->kind >= MESSAGE_KIND_COUNT)
		return err_set(e, -EINVAL, "a message without a kind");
	if (!is_whole(ret))
		return err_set(e, -EINVAL, "a message of kind %s without it",
			       enum_name(&message_kind_names, ret->kind));
	return 0;
}
