"""Pieces of the FastAPI tutorial in one app: items, files, background tasks, a WebSocket and server-sent events."""

import asyncio
import os
import time
from collections.abc import AsyncIterable
from pathlib import Path

from fastapi import BackgroundTasks, FastAPI, HTTPException, Request, UploadFile, WebSocket
from fastapi.responses import FileResponse, RedirectResponse
from fastapi.sse import EventSourceResponse
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates
from pydantic import BaseModel

from .prefix import ForwardedPrefix

app = FastAPI(title="Items")
app.add_middleware(ForwardedPrefix)

here = Path(__file__).parent
app.mount("/static", StaticFiles(directory=here / "static"), name="static")
templates = Jinja2Templates(directory=here / "templates")

files = Path(os.environ.get("UPLOAD_FOLDER", "/tmp/uploads"))


class Item(BaseModel):
    name: str
    price: float


class Tick(BaseModel):
    number: int
    sent: float


items: dict[int, Item] = {1: Item(name="Hammer", price=9.5)}


@app.get("/")
async def home(request: Request):
    return templates.TemplateResponse(request, "home.html", {"items": items})


@app.get("/items/{number}")
async def read_item(number: int) -> Item:
    if number not in items:
        raise HTTPException(status_code=404, detail="There is no such item")
    return items[number]


@app.post("/items/", status_code=201)
async def add_item(item: Item, request: Request):
    number = max(items) + 1
    items[number] = item
    return RedirectResponse(request.url_for("read_item", number=number), status_code=303)


@app.get("/about/{name:path}")
async def about(name: str, request: Request):
    return {"name": name, "url": str(request.url_for("about", name=name)), "client": request.client.host}


@app.get("/broken")
async def broken():
    raise RuntimeError("this route fails on purpose")


@app.post("/files/")
async def upload(file: UploadFile, request: Request):
    files.mkdir(parents=True, exist_ok=True)
    target = files / Path(file.filename or "file").name
    target.write_bytes(await file.read())
    return {"size": target.stat().st_size, "url": str(request.url_for("download", name=target.name))}


@app.get("/files/{name}")
async def download(name: str) -> FileResponse:
    target = files / Path(name).name
    if not target.is_file():
        raise HTTPException(status_code=404, detail="There is no such file")
    return FileResponse(target)


sent: list[str] = []


async def write_notification(email: str):
    """Takes a second, in ten steps."""
    for step in range(10):
        await asyncio.sleep(0.1)
        sent.append(f"{email} {step}")


@app.post("/send-notification/{email}")
async def send_notification(email: str, background_tasks: BackgroundTasks):
    background_tasks.add_task(write_notification, email)
    return {"message": "Notification sent in the background"}


@app.get("/notifications")
async def notifications() -> list[str]:
    return sent


@app.get("/ticks", response_class=EventSourceResponse)
async def ticks(count: int = 4) -> AsyncIterable[Tick]:
    for number in range(count):
        yield Tick(number=number, sent=time.time())
        await asyncio.sleep(0.5)


@app.websocket("/ws")
async def websocket_endpoint(websocket: WebSocket):
    await websocket.accept()
    while True:
        data = await websocket.receive_text()
        await websocket.send_text(f"Message text was: {data}")
