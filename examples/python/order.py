"""The life of an order, published as typed events: python order.py [--address …] [--tenant …]"""

import argparse

from apus.events.common.v1 import money_pb2
from apus.events.order.v1 import order_pb2
from apus_client import Publisher, events


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", default="127.0.0.1:50053")
    parser.add_argument("--tenant", default="default")
    parser.add_argument("--order", default="42", help="its id")
    arguments = parser.parse_args()

    total = money_pb2.Money(currency_code="EUR", units=39, nanos=980_000_000)
    line = order_pb2.OrderLine(sku="MUG", name="Mug", quantity=2)
    order = order_pb2.Order(number="2026-42", lines=[line], total=total, channel="web")
    of = {"order_id": arguments.order, "order": order}

    with Publisher(arguments.address, arguments.tenant, source="shop") as apus:
        for event in (
            events.inventory_stock_received(sku="MUG", quantity=10),
            events.order_created(customer_id="7", **of),
            events.order_paid(payment_id="p-1", amount=total, **of),
            events.order_status_changed(
                old_status=order_pb2.ORDER_STATUS_PAID,
                new_status=order_pb2.ORDER_STATUS_PROCESSING, **of),
            events.order_shipped(carrier="post", tracking_number="AT1", **of),
        ):
            (result,) = apus.publish(event)
            print(f"{result.position:>6}  {event.type:<24} {event.subject}")


if __name__ == "__main__":
    main()
