"""A receiver of webhooks and pings: receiver.py ADDRESS PORT FILE. Keeps each request as a line of JSON in the file."""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ADDRESS, PORT, FILE = sys.argv[1:]


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        with open(FILE, "a", encoding="utf-8") as kept:
            kept.write(json.dumps({"path": self.path, "token": self.headers.get("Authorization"), "body": body}) + "\n")
        self.send_response(200)
        self.end_headers()


ThreadingHTTPServer((ADDRESS, int(PORT)), Handler).serve_forever()
