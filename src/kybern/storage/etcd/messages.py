"""etcd's messages (package `etcdserverpb`, v3), declared by number: names and numbers are the contract, no stubs built.

One message a line, `name=number/type`; `*` repeats, `?` is a member of the line's oneof, an enum travels as its int32.
Owns no behaviour; only `storage/etcd` imports it. Source: https://etcd.io/docs/v3.5/dev-guide/api_reference_v3/
"""

from typing import Final

from kybern.api.protobuf.declared import declare_messages

PACKAGE: Final = "etcdserverpb"

_TABLE: Final = """
ResponseHeader: cluster_id=1/uint64 member_id=2/uint64 revision=3/int64 raft_term=4/uint64
KeyValue: key=1/bytes create_revision=2/int64 mod_revision=3/int64 version=4/int64 value=5/bytes lease=6/int64
Event: type=1/int32 kv=2/KeyValue prev_kv=3/KeyValue
RangeRequest: key=1/bytes range_end=2/bytes limit=3/int64 revision=4/int64 count_only=9/bool
RangeResponse: header=1/ResponseHeader kvs=2/KeyValue* more=3/bool count=4/int64
PutRequest: key=1/bytes value=2/bytes
PutResponse: header=1/ResponseHeader
DeleteRangeRequest: key=1/bytes range_end=2/bytes
DeleteRangeResponse: header=1/ResponseHeader deleted=2/int64
RequestOp: request_range=1/RangeRequest? request_put=2/PutRequest? request_delete_range=3/DeleteRangeRequest?
ResponseOp: response_range=1/RangeResponse? response_put=2/PutResponse? response_delete_range=3/DeleteRangeResponse?
Compare: result=1/int32 target=2/int32 key=3/bytes mod_revision=6/int64?
TxnRequest: compare=1/Compare* success=2/RequestOp* failure=3/RequestOp*
TxnResponse: header=1/ResponseHeader succeeded=2/bool responses=3/ResponseOp*
CompactionRequest: revision=1/int64 physical=2/bool
CompactionResponse: header=1/ResponseHeader
WatchRequest: create_request=1/WatchCreateRequest? cancel_request=2/WatchCancelRequest?
WatchCreateRequest: key=1/bytes range_end=2/bytes start_revision=3/int64 progress_notify=4/bool prev_kv=6/bool
    fragment=8/bool
WatchCancelRequest: watch_id=1/int64
WatchResponse: header=1/ResponseHeader watch_id=2/int64 created=3/bool canceled=4/bool compact_revision=5/int64
    cancel_reason=6/string fragment=7/bool events=11/Event*
"""

EQUAL: Final = 0
MOD: Final = 2
"""Of a Compare: the key's revision equals the given one."""
DELETE: Final = 1
"""The type of an Event that tells a deletion."""


MESSAGES: Final = declare_messages(_TABLE, PACKAGE)
"""Message class by its name."""
