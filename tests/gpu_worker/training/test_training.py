"""Composites, the network, the loop that can be left and gone on with, export and calibration."""

import numpy as np
import pytest

from gpu_worker.engines.classic import certainty
from gpu_worker.training import calibrate, products, scenes
from gpu_worker.training.bank import Bank
from gpu_worker.training.composite import Mix, sample

SIZE_PX = 64


@pytest.fixture(scope="module")
def bank():
    rng = np.random.default_rng(5)
    made = Bank()
    made.add("drawn", [products.product(rng, 96) for _ in range(6)])
    photo = np.full((80, 100, 4), (230, 230, 225, 0), np.uint8)
    photo[20:60, 30:70] = (20, 60, 160, 255)
    made.photos.append(photo)
    made.backdrops = [scenes.scene(rng, 96, "room") for _ in range(2)]
    made.textures = [scenes.scene(rng, 96, "texture") for _ in range(2)]
    return made


def test_the_same_number_is_the_same_picture(bank):
    for number in range(12):
        one, two = sample((3, number), bank, SIZE_PX), sample((3, number), bank, SIZE_PX)
        assert np.array_equal(one[0], two[0]) and np.array_equal(one[1], two[1])
    assert not np.array_equal(sample((3, 0), bank, SIZE_PX)[0], sample((4, 0), bank, SIZE_PX)[0])


def test_pictures_show_the_product_that_their_truth_says(bank):
    shares = []
    for number in range(60):
        rgb, truth = sample((1, number), bank, SIZE_PX, Mix(whole=0.3))
        assert rgb.shape == (SIZE_PX, SIZE_PX, 3) and rgb.dtype == np.uint8
        assert truth.shape == (SIZE_PX, SIZE_PX) and truth.dtype == np.uint8
        shares.append((truth > 127).mean())
    assert 0.03 < np.median(shares) < 0.6
    assert min(shares) < 0.1 and max(shares) > 0.3


@pytest.fixture
def trained(bank, tmp_path):
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    from gpu_worker.training import train
    from gpu_worker.training.network import Shape

    shape = Shape(channels=(8, 8, 8, 8), blocks=(1, 1, 1, 1), head=4)
    plan = train.Plan(parts=(train.Part(64, 4, 2), train.Part(96, 6, 2)), warm_up=2, validation=3, seed=9)

    def run(folder, until=None):
        made = train.Training(tmp_path / folder, plan, shape)
        made.resume()
        train.train([made], bank, bank, Mix(), workers=0, every=2, until=until)
        return made

    return run


def test_a_training_that_was_left_goes_on_where_it_was(trained, capsys):
    whole = trained("whole")
    part = trained("part", until=3)
    assert part.step == 3
    rest = trained("part")
    assert rest.step == whole.step == 6
    for one, two in zip(whole.network.state_dict().values(), rest.network.state_dict().values(), strict=True):
        assert np.allclose(one.numpy(), two.numpy(), atol=1e-5)
    assert '"step": 6' in capsys.readouterr().out


def test_the_exported_file_says_what_the_network_says(trained, tmp_path):
    from gpu_worker.models import salient
    from gpu_worker.training.export import export

    file = tmp_path / "tiny.onnx"
    # Weights of eight bits move a logit a little, never an answer.
    assert export(trained("one").average, file) < 0.05
    seen = salient.loaded(file).look(np.full((90, 130, 3), 127, np.uint8), 96)
    assert seen.shape == (48, 48)
    assert 0 <= seen.min() <= seen.max() <= 1


def test_training_goes_on_from_the_weights_that_ship(trained, bank, tmp_path):
    torch = pytest.importorskip("torch")
    from gpu_worker.training import train
    from gpu_worker.training.export import export

    earlier = trained("earlier")
    file = tmp_path / "shipped.onnx"
    export(earlier.average, file)
    later = train.Training(tmp_path / "later", earlier.plan, earlier.network.shape)
    later.start_from(file, bank, Mix())

    rgb = np.stack([sample((8, number), bank, SIZE_PX)[0] for number in range(8)])
    photos = train.prepared(torch.from_numpy(rgb), "cpu")
    with torch.no_grad():
        said, says = earlier.average.eval()(photos), later.average.eval()(photos)
        assert torch.allclose(said, says, atol=0.02)
        # The norms know what these pictures do to them: learning starts from the same answers too.
        learning = later.network.train()(photos)
    assert (learning - says).abs().mean() < 0.5 * says.std() + 0.05


def test_designs_side_by_side_learn_what_each_would_learn_alone(trained, bank, tmp_path):
    from gpu_worker.training import train
    from gpu_worker.training.network import Shape

    alone = trained("alone")
    deeper = Shape(channels=(8, 8, 8, 16), blocks=(1, 1, 1, 2), head=4)
    one = train.Training(tmp_path / "one", alone.plan, alone.network.shape)
    two = train.Training(tmp_path / "two", alone.plan, deeper)
    # A fresh run forgets nothing of chance: each begins from the seed of its plan.
    train.train([one, two], bank, bank, Mix(), workers=0, every=6)
    for ours, theirs in zip(
        one.network.state_dict().values(), alone.network.state_dict().values(), strict=True
    ):
        assert np.allclose(ours.numpy(), theirs.numpy(), atol=1e-5)
    left = train.Training.left(tmp_path / "two")
    assert left is not None and left.network.shape == deeper and left.step == 6
    assert train.Training.left(tmp_path / "nothing here") is None

    further = train.Training(tmp_path / "further", alone.plan, deeper)
    with pytest.raises(ValueError, match="one step of one plan"):
        train.train([one, further], bank, bank, Mix(), workers=0)


def test_a_teacher_moves_what_is_learned_towards_its_answers(trained, bank, tmp_path):
    torch = pytest.importorskip("torch")
    from gpu_worker.training import train
    from gpu_worker.training.export import export

    taught = trained("pupil")
    with torch.no_grad():  # a teacher that sees product everywhere
        taught.average.answer.bias.fill_(30.0)
    file = tmp_path / "teacher.onnx"
    export(taught.average, file)
    nothing = torch.zeros(4, SIZE_PX, SIZE_PX, dtype=torch.uint8)
    pictures = torch.from_numpy(np.stack([sample((8, n), bank, SIZE_PX)[0] for n in range(4)]))
    answers = []
    long = train.Plan(parts=(train.Part(SIZE_PX, 60, 4),), rate=2e-2, warm_up=2, seed=9)
    for teacher in (None, file):
        run = train.Training(tmp_path / "never kept", long, taught.network.shape)
        if teacher is not None:
            run.taught_by(teacher, taught.network.shape, bank, Mix())
        for _ in range(30):
            run.learn(pictures, nothing)
        with torch.no_grad():
            answers.append(float(run.network.eval()(train.prepared(pictures, "cpu")).mean()))
    assert answers[1] > answers[0] + 0.1


def test_weights_of_another_shape_are_refused_by_name(trained, bank, tmp_path):
    from gpu_worker.training import train
    from gpu_worker.training.export import export
    from gpu_worker.training.network import Shape

    file = tmp_path / "small.onnx"
    export(trained("small").average, file)
    wider = train.Training(tmp_path / "wider", train.Plan(), Shape((16, 16, 16, 16), (1, 1, 1, 1), 8))
    with pytest.raises(ValueError, match=r"The network has .* the file has"):
        wider.start_from(file, bank, Mix())


def test_training_prepares_photos_as_the_worker_does():
    torch = pytest.importorskip("torch")
    from gpu_worker.models import salient
    from gpu_worker.training import train

    rgb = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
    assert np.allclose(
        train.prepared(torch.from_numpy(rgb[None]), "cpu").numpy(), salient.prepared(rgb), atol=1e-6
    )


def test_calibration_finds_the_evidence_that_matters():
    rng = np.random.default_rng(2)
    seen = []
    for _ in range(500):
        agreement = rng.uniform(0.5, 1.0)
        notes = {
            "agreement": agreement,
            "mirrored": rng.uniform(0.8, 1),
            "nearer": 1.0,
            "doubt": rng.uniform(0, 0.2),
            "plain": 0.0,
            "walls": 0.0,
            "boxed": 0.9,
            "weak_outline": 0.0,
            "residual": 3.0,
            "rim": 0.0,
            "area": 0.2,
        }
        seen.append(calibrate.Seen(notes, 0.97 if agreement + rng.normal(0, 0.03) > 0.85 else 0.6))
    weights = calibrate.fit(seen[:300])
    found = calibrate.report(seen[300:], weights)
    assert found["auroc"] > 0.95
    assert found["wrong_among_accepted"] < 0.05
    assert weights.shape == (len(certainty.WEIGHTS),)
