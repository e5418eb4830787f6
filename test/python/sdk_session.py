"""Drives a session with the unmodified Python SDK and prints, as JSON, what the test checks."""

import json

import anthropic
from anthropic import Anthropic

client = Anthropic()
agent = client.beta.agents.create(
    name="Colors",
    model="rehearsal/color",
    tools=[{"type": "custom", "name": "favorite_color", "description": "Asks for a color.", "input_schema": {"type": "object"}}],
)
environment = client.beta.environments.create(name="python")
session = client.beta.sessions.create(agent=agent.id, environment_id=environment.id, metadata={"from": "python"})

seen, deltas = [], {}
with client.beta.sessions.events.stream(session.id, event_deltas=["agent.message"]) as stream:
    client.beta.sessions.events.send(
        session.id, events=[{"type": "user.message", "content": [{"type": "text", "text": "Which?"}]}]
    )
    for event in stream:
        if event.type == "event_delta":
            deltas[event.event_id] = deltas.get(event.event_id, "") + event.delta.content.text
        if hasattr(event, "id"):
            seen.append(event)
        if event.type == "agent.custom_tool_use":
            result = {"type": "user.custom_tool_result", "custom_tool_use_id": event.id, "content": [{"type": "text", "text": "blue"}]}
            client.beta.sessions.events.send(session.id, events=[result])
        if event.type == "session.status_idle" and event.stop_reason.type == "end_turn":
            break

try:
    client.beta.sessions.retrieve("sesn_01JD0000000000000000000000")
    refusal = None
except anthropic.NotFoundError as error:
    refusal = error.body["error"]["type"]

listed = list(client.beta.sessions.events.list(session.id, limit=2))
print(
    json.dumps(
        {
            "session": client.beta.sessions.retrieve(session.id).to_dict(),
            "streamed": [event.id for event in seen],
            "listed": [event.id for event in listed],
            "types": [event.type for event in listed],
            "messages": {event.id: event.content[0].text for event in listed if event.type == "agent.message"},
            "deltas": deltas,
            "found": [one.id for one in client.beta.sessions.list(agent_id=agent.id, statuses=["idle"])],
            "refusal": refusal,
        },
        default=str,
    )
)
