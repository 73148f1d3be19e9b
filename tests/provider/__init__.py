"""A provider that plays a script: a real HTTP server on the loopback that speaks OpenAI's chat completions
(`POST /v1/chat/completions`) and Anthropic's messages (`POST /v1/messages`), streaming and not.

It is the model behind `kcode demo` and behind kcode's own tests, and makes a bug report that can be run:

    python -m kcode.scripted scenario.json

A complete scenario:

    {
      "lanes": [
        {"match": "fix the test", "steps": [
          {"thinking": "Read it first.", "text": "I look at it.",
           "calls": [{"name": "read_file", "arguments": {"path": "{{root}}/sums.py"}}]},
          {"expect": "return a - b", "text": "It subtracts. Now it adds."}]},
        {"match_system": "title", "steps": [{"text": "A wrong sum"}]}
      ],
      "values": {"root": "/tmp/demo"},
      "prices": {"claude-demo": {"input": "3", "output": "15", "cached": "0.3", "stored": "3.75"}},
      "faults": [{"request": 2, "kind": "rate_limit", "retry_after": 1}]
    }

Each request finds its place by itself: from its latest prompt back to its first, the first that some lane
knows decides, and the replies after that prompt count the steps. So a client that was killed and resumes gets
the right one.

    with ScriptedProvider(scenario) as provider:
        ...                         # talk to provider.url
    assert provider.total == 1234   # its own invoice, in micro-dollars
"""

from kcode.scripted.invoice import Row, Usage
from kcode.scripted.scenario import CacheRules, Call, Fault, Lane, LongContext, Price, Scenario, Step
from kcode.scripted.server import ScriptedProvider
from kcode.scripted.state import Received, shared_prefix

__all__ = [
    "CacheRules",
    "Call",
    "Fault",
    "Lane",
    "LongContext",
    "Price",
    "Received",
    "Row",
    "Scenario",
    "ScriptedProvider",
    "Step",
    "Usage",
    "shared_prefix",
]
