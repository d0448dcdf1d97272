import pytest

EXPERIMENT = """
title = "Toy"
batch_size = 4
examples = 1

[corpus]
name = "synthetic"
settings = { speakers = 6, sentences = 1, seconds = [0.5, 0.6] }

[split]
folds = 3
run = [0]

[budget]
snr_db = 17.0
sparsity = 0.12

[models.emo18]
model = "emo18"
seconds = 0.1
training = { epochs = 3, batch_size = 4 }

[models.zhao19]
model = "zhao19"
seconds = 0.1
training = { preset = "paper", epochs = 3 }

[generators.compact]
generator = "compact"
sizes = { frame = 4, widths = [8, 16], detail = 2 }
training = { epochs = 3, batch_size = 4 }

[attacks.staa_net]
generator = "compact"

[attacks.shuffled_staa_net]
generator = "compact"

[attacks.noise]
"""


@pytest.fixture(scope="session")
def toy(tmp_path_factory):
    path = tmp_path_factory.mktemp("experiments") / "toy.toml"
    path.write_text(EXPERIMENT)
    return path
