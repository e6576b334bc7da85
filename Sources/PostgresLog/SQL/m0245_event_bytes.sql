-- Migration 245: what an event weighs where pages are cut. No parameters, no result.

-- Bytes that an event takes: every text counts, and the rest by a guess. One expression, so that it
-- becomes part of the statement that asks; most texts are null, which costs next to nothing.
create function apus.event_bytes(e apus.events) returns integer
language sql stable as $$
    select 512 + octet_length(e.data) + octet_length(e.source) + octet_length(e.subject)
        + coalesce(octet_length(e.partition_key), 0) + coalesce(octet_length(e.correlation_id), 0)
        + coalesce(octet_length(e.causation_id), 0) + coalesce(octet_length(e.user_id), 0)
        + coalesce(octet_length(e.session_id), 0) + coalesce(octet_length(e.request_id), 0)
        + coalesce(octet_length(e.channel), 0) + coalesce(octet_length(e.user_agent), 0)
        + coalesce(octet_length(e.ip_address), 0) + coalesce(octet_length(e.traceparent), 0)
        + coalesce(octet_length(e.tracestate), 0) + coalesce(octet_length(e.extra::text), 0)
$$;
