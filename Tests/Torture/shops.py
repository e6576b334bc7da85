"""Writers whose events mean something: leads, orders, stock and conversations of one tenant."""

import uuid

from events import event, payload
from survivors import Writer

# Leads that the table of the projection refuses: see `handlers.py`.
POISON = "poison"


def euros(units):
    return {"currency_code": "EUR", "units": units}


class Shop(Writer):
    """Publishes small batches, one after the other, each until it is acknowledged."""

    def __init__(self, *arguments, tenant, rate):
        super().__init__(*arguments, rate=rate)
        self.metadata = (("x-tenant-id", tenant),)
        self.conversations = []

    def batch(self):
        tales = [self.lead, self.order, self.stock, self.talk, self.step]
        return [
            event(data, id=self.new_id(), subject=subject)
            for data, subject in self.chance.choice(tales)()
        ]

    def new_id(self):
        return str(uuid.UUID(int=self.chance.getrandbits(128), version=4))

    def of(self, kind, count):
        return f"{self.name}-{kind}-{self.chance.randrange(count)}"

    def lead(self):
        self.number += 1
        lead = f"{POISON if self.chance.random() < 0.03 else self.name}-{self.number}"
        subject = f"lead/{lead}"
        yield payload("lead.created", lead_id=lead, source=self.of("source", 3)), subject
        yield payload(
            "autopilot.action_executed", lead_id=lead, action_type="mail", model="m",
            cost=euros(1), latency_ms=self.chance.randrange(500)), subject
        if self.chance.random() < 0.5:
            yield payload("lead.converted", lead_id=lead, value=euros(100)), subject

    def order(self):
        order = self.of("order", 40)
        subject = f"order/{order}"
        stage = self.chance.choice(["created", "created", "paid", "shipped", "cancelled"])
        fields = {"order_id": order}
        if stage == "created":
            fields["order"] = {
                "channel": "web", "total": euros(20),
                "lines": [{"sku": self.of("sku", 4), "quantity": self.chance.randint(1, 5)}],
            }
        if stage == "paid":
            fields |= {"payment_id": self.new_id(), "amount": euros(20)}
        yield payload(f"order.{stage}", **fields), subject

    def stock(self):
        sku = self.of("sku", 4)
        yield payload("inventory.stock_received", sku=sku, quantity=3), f"sku/{sku}"

    def talk(self):
        if len(self.conversations) < 6:
            self.conversations.append(f"{self.name}-{self.new_id()}")
        conversation = self.chance.choice(self.conversations)
        subject = f"conversation/{conversation}"
        of = {"conversation_id": conversation, "user_id": "ann", "channel": "web"}
        data = payload(
            "chat.message.received", message_id=self.new_id(), message_type="text", **of)
        data.content.update({"text": f"Hello from {self.name}"})
        yield data, subject
        if self.chance.random() < 0.1:
            self.conversations.remove(conversation)
            yield payload("chat.conversation.ended", end_reason=1, duration_seconds=5, **of), subject

    def step(self):
        lead = self.of("lead", 30)
        yield payload(
            "sequence.step_executed", sequence_id="welcome", step_id="s", step_number=1,
            lead_id=lead, outcome=1, latency_ms=5), f"lead/{lead}"
        yield payload(
            "message.sent", lead_id=lead, channel="sms", message_type="text",
            latency_ms=self.chance.choice([10, 400, 9000]), success=True), f"lead/{lead}"
