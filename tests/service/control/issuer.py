"""A small issuer of OpenID Connect on loopback, with real keys and signatures, that can be told to lie."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwk, jwt

CLIENT, SECRET = "affekt", "the client's secret"


class Issuer:
    """Knows one person, and vouches for whoever comes."""

    def __init__(self) -> None:
        self.key = jwk.RSAKey.generate_key(2048, {"kid": "1"}, private=True)
        self.signs_with = self.key
        self.claims: dict[str, Any] = {"email": "ada@example.com", "email_verified": True, "roles": ["listeners"]}
        self.lies: dict[str, Any] = {}
        "claims that stand in the token instead of the true ones; None: left out"
        self.header: dict[str, Any] = {"alg": "RS256", "kid": "1"}
        self.codes: dict[str, dict[str, str]] = {}
        self.asked: list[str] = []
        issuer = self

        class Pages(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.get(self)

            def do_POST(self) -> None:
                issuer.post(self)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def get(self, page: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(page.path)
        self.asked.append(parts.path)
        if parts.path == "/.well-known/openid-configuration":
            places = {"authorization_endpoint": "/authorize", "token_endpoint": "/token", "jwks_uri": "/keys"}
            self.say(page, {"issuer": self.url} | {name: self.url + path for name, path in places.items()})
        elif parts.path == "/keys":
            self.say(page, {"keys": [self.key.as_dict(private=False)]})
        else:
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            code = secrets.token_urlsafe(8)
            self.codes[code] = query
            page.send_response(302)
            page.send_header(
                "Location", query["redirect_uri"] + "?" + urlencode({"code": code, "state": query["state"]})
            )
            page.end_headers()

    def post(self, page: BaseHTTPRequestHandler) -> None:
        body = page.rfile.read(int(page.headers["Content-Length"])).decode()
        asked = {name: values[0] for name, values in parse_qs(body).items()}
        begun = self.codes.pop(asked.get("code", ""), None)
        basic = base64.b64decode(page.headers.get("Authorization", "").removeprefix("Basic ")).decode()
        challenge = base64.urlsafe_b64encode(hashlib.sha256(asked.get("code_verifier", "").encode()).digest())
        if (
            begun is None
            or basic != f"{CLIENT}:{SECRET}"
            or begun["code_challenge_method"] != "S256"
            or begun["code_challenge"] != challenge.decode().rstrip("=")
            or begun["redirect_uri"] != asked["redirect_uri"]
        ):
            self.say(page, {"error": "invalid_grant"}, 400)
            return
        now = int(time.time())
        true = {"iss": self.url, "aud": CLIENT, "sub": "1", "iat": now, "exp": now + 60, "nonce": begun["nonce"]}
        claims = {name: value for name, value in (true | self.claims | self.lies).items() if value is not None}
        token = jwt.encode(self.header, claims, self.signs_with, algorithms=["RS256", "HS256"])
        self.say(page, {"access_token": "x", "token_type": "Bearer", "id_token": token})

    def say(self, page: BaseHTTPRequestHandler, value: Any, status: int = 200) -> None:
        data = json.dumps(value).encode()
        page.send_response(status)
        page.send_header("Content-Type", "application/json")
        page.send_header("Content-Length", str(len(data)))
        page.end_headers()
        page.wfile.write(data)
