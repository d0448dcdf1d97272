"""Processes that do what tests need of them, without torch."""

import multiprocessing
import os
import time

from staanet.core.errors import StaanetError
from staanet.web import process


def echo(*_, text):
    return {"text": text, "process": os.getpid()}


def steps(_, talk):
    while True:
        talk.step()
        time.sleep(0.005)


def stuck(*_):
    time.sleep(600)


def dies(*_):
    os.abort()


def refuses(settings, _):
    raise StaanetError(f"{settings.folder}/a.wav: expected audio, got none")


def breaks(*_):
    raise ZeroDivisionError("no reason")


def work(connection, settings):
    process.TASKS |= dict.fromkeys(("echo", "steps", "stuck", "dies", "refuses", "breaks"), __name__)
    process.work(connection, settings)


def start(connection, settings):
    started = multiprocessing.get_context("spawn").Process(target=work, args=(connection, settings), daemon=True)
    started.start()
    connection.close()
    return started
