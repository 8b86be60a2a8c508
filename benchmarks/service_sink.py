"""A server that reads calls and does nothing with them: what speaking costs, without a service. Prints its port."""

from __future__ import annotations

import asyncio

import picows

from affekt.service.load.wire import loop_factory


class Reader(picows.WSListener):
    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        if frame.msg_type == picows.WSMsgType.CLOSE:
            transport.send_close(picows.WSCloseCode.OK)
            transport.disconnect()


async def serve() -> None:
    server = await picows.ws_create_server(lambda request: Reader(), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(serve())
