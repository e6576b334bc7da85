"""A Security Hub that believes the token `demo` and keeps audit events in memory."""

import threading
import time

import stubs  # noqa: F401  (first: it puts the generated code on the path)
from mcp.common.v2 import common_pb2
from securityhub.v2 import audit_pb2, caller_pb2, permission_pb2
from securityhub.v2 import security_hub_pb2, security_hub_pb2_grpc
from service import serve

PACKAGE = "securityhub.v2.SecurityHub"
DEMO = caller_pb2.UserContext(
    user_id="demo", tenant_id="acme", role="operator",
    permissions=["events.publish", "events.read"], scopes=["events"], mfa_verified=True)


class Hub(security_hub_pb2_grpc.SecurityHubServicer):
    def __init__(self):
        self.lock = threading.Lock()
        self.audited = {}

    def ValidateToken(self, request, context):
        answer = caller_pb2.ValidateTokenResponse()
        if request.token != "demo":
            answer.errors.append("unknown token")
            return answer
        missing = set(request.required_permissions) - set(DEMO.permissions)
        missing |= set(request.required_scopes) - set(DEMO.scopes)
        answer.errors.extend(f"lacks {name}" for name in sorted(missing))
        answer.valid = not missing
        answer.user.CopyFrom(DEMO)
        answer.claims.update({"sub": DEMO.user_id, "tid": DEMO.tenant_id})
        answer.expires_at.FromSeconds(int(time.time()) + 3600)
        return answer

    def ValidateApiKey(self, request, context):
        if request.api_key != "demo-key":
            return caller_pb2.ValidateApiKeyResponse(errors=["unknown key"])
        return caller_pb2.ValidateApiKeyResponse(
            valid=True, key_id="demo", tenant_id=DEMO.tenant_id, permissions=DEMO.permissions,
            scopes=DEMO.scopes)

    def CheckPermission(self, request, context):
        kind = request.resource.split("/")[0]
        allowed = f"{kind}.{request.action}" in request.user.permissions
        return permission_pb2.CheckPermissionResponse(
            allowed=allowed, applied_policies=["permissions"],
            reason="the user has the permission" if allowed else "the user lacks the permission")

    def CheckBatchPermissions(self, request, context):
        return permission_pb2.CheckBatchPermissionsResponse(
            results=[self.CheckPermission(check, context) for check in request.checks])

    def RecordAuditEvents(self, request, context):
        answer = audit_pb2.RecordAuditEventsResponse()
        for event in request.events:
            if not event.event_id or not event.tenant_id:
                answer.rejected.add(
                    event_id=event.event_id, error_code="INVALID_ARGUMENT",
                    message="event_id and tenant_id must be set")
                continue
            with self.lock:
                self.audited[event.tenant_id, event.event_id] = event
            answer.accepted += 1
        return answer

    def HealthCheck(self, request, context):
        response = security_hub_pb2.HealthCheckResponse(
            status=common_pb2.HEALTH_SERVING, service_name="security-hub", version="example")
        response.timestamp.GetCurrentTime()
        return response


def refuse(method, request, code):
    """An answer with OK that says that it failed."""
    if method != "RecordAuditEvents":
        return None
    answer = audit_pb2.RecordAuditEventsResponse()
    for event in request.events:
        answer.rejected.add(
            event_id=event.event_id, error_code=code, message="refused on purpose")
    return answer


if __name__ == "__main__":
    serve(
        "security-hub", PACKAGE, 50052,
        lambda server: security_hub_pb2_grpc.add_SecurityHubServicer_to_server(Hub(), server),
        refuse)
