"""A Model Context Protocol server over streamable HTTP, at /mcp."""

import asyncio

from mcp.server import MCPServer
from mcp.server.mcpserver import Context

server = MCPServer("counter")


@server.tool()
async def count(to: int, ctx: Context) -> str:
    """Counts to a number, and reports each step while it does."""
    for step in range(1, to + 1):
        await ctx.report_progress(step, to)
        await asyncio.sleep(0.1)
    return f"counted to {to}"


# Each request may come to another environment, so that no session is kept in memory.
app = server.streamable_http_app(stateless_http=True, host="0.0.0.0")
