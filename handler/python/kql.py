"""Runs queries on log lines as Application Insights does: python kql.py < {"lines": [...], "queries": {name: text}}.

Each line has "timestamp", "category" and "message". Prints, by query, the rows that it gives. The engine refuses what it
cannot do exactly as Kusto does, and so does this program.
"""

import json
import sys

import duckdb_kql

asked = json.load(sys.stdin)
logs = duckdb_kql.connect()
logs.execute("CREATE TABLE traces (timestamp TIMESTAMP, message VARCHAR, customDimensions JSON)")
logs.executemany(
    "INSERT INTO traces VALUES (?, ?, ?)",
    [(line["timestamp"], line["message"], json.dumps({"Category": line["category"]})) for line in asked["lines"]],
)
rows = {name: duckdb_kql.query(logs, text).fetchall() for name, text in asked["queries"].items()}
print(json.dumps(rows, default=lambda value: value.isoformat()))
