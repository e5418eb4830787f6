# An agent with a sandbox, a tool of your own and a tool that asks first, in the style of the SDK's documentation.
# Nothing in here knows about Rondo: ANTHROPIC_BASE_URL and ANTHROPIC_API_KEY say where it goes (see README.md).
import os
import time

from anthropic import Anthropic

client = Anthropic()

agent = client.beta.agents.create(
    name="Order desk",
    model=os.environ.get("MODEL", "rehearsal/order"),
    system="You answer questions about orders. Leave the answer for the customer in /workspace/reply.md.",
    tools=[
        {"type": "agent_toolset_20260401", "configs": [{"name": "write", "permission_policy": {"type": "always_ask"}}]},
        {
            "type": "custom",
            "name": "get_order",
            "description": "Looks an order up by its number.",
            "input_schema": {"type": "object", "properties": {"order_id": {"type": "string"}}, "required": ["order_id"]},
        },
    ],
)
environment = client.beta.environments.create(name=f"order-desk-{time.time_ns()}", config={"type": "cloud"})
session = client.beta.sessions.create(agent=agent.id, environment_id=environment.id, title="Order A-17")


def get_order(order_id):
    return f"{order_id}, 3 notebooks, arrives on Friday"


def send(event):
    client.beta.sessions.events.send(session.id, events=[event])


with client.beta.sessions.events.stream(session.id) as stream:
    send({"type": "user.message", "content": [{"type": "text", "text": "When does my order A-17 arrive?"}]})
    for event in stream:
        if event.type == "agent.message":
            for block in event.content:
                if block.type == "text":
                    print(block.text)
        elif event.type == "agent.custom_tool_use":
            print(f"→ {event.name} {event.input}")
            result = [{"type": "text", "text": get_order(event.input["order_id"])}]
            send({"type": "user.custom_tool_result", "custom_tool_use_id": event.id, "content": result})
        elif event.type == "agent.tool_use":
            print(f"→ {event.name}" + (", allowed by us" if event.evaluated_permission == "ask" else ""))
            if event.evaluated_permission == "ask":
                send({"type": "user.tool_confirmation", "tool_use_id": event.id, "result": "allow"})
        elif event.type == "session.status_idle" and event.stop_reason.type != "requires_action":
            break

found = client.beta.sessions.retrieve(session.id)
print(f"{found.status}, {found.usage.output_tokens} tokens out")
