"""Makes one call that is refused and says what the official client did: retry.py ENDPOINT.

Prints a JSON array with an object for each answer that the client got: its status, when it came and when the request
was sent (seconds of a monotonic clock), and the wait that it advertised.
"""

import json
import sys
import time

import httpx2
import openai

seen = []


def note(response):
    seen.append({
        "status": response.status_code,
        "sent": response.request.extensions["sent"],
        "came": time.monotonic(),
        "wait": float(response.headers.get("retry-after-ms", 0)) / 1000,
    })


def stamp(request):
    request.extensions["sent"] = time.monotonic()


client = openai.AzureOpenAI(
    azure_endpoint=sys.argv[1],
    api_key="the-callers-own-key",
    api_version="2024-10-21",
    http_client=httpx2.Client(event_hooks={"request": [stamp], "response": [note]}),
)
try:
    client.chat.completions.create(model="gpt", messages=[{"role": "user", "content": "Hello"}])
except openai.RateLimitError:
    print(json.dumps(seen))
