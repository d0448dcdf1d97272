"""Whisper: its encoder as a model of emotions, and as a file of faster-whisper."""

from staanet.models.whisper.model import Whisper as Whisper
from staanet.models.whisper.settings import WhisperSettings as WhisperSettings
