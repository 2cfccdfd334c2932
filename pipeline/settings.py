"""The typed schema of everything that can be set. Its values come from conf/, which Hydra composes.

Each description says what is allowed: it is what the user is told who set something else.
"""

import difflib
import json
from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypeAlias, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.errors import UserError
from pipeline.files.paths import PARAMS

Normalisation: TypeAlias = Literal["unit", "standard", "divide_255", "none"]
Initialisation: TypeAlias = Literal["uniform", "he", "xavier", "normal", "zeros"]
Reduction: TypeAlias = Literal["mean", "sum"]
Precision: TypeAlias = Literal["portable", "float32"]
Fault: TypeAlias = Literal[
    "softmax_over_samples",
    "softmax_unshifted",
    "gradient_sign",
    "gradient_without_mean",
    "relu_mask_missing",
    "transposed_product",
]

RENAMED = {"dtype": "dtype is now called precision: write precision=portable, or precision=float32 for speed"}

Whole = Annotated[int, Field(ge=1)]
Checksum = Annotated[str, Field(pattern="^[0-9a-f]{64}$", description="a file's sha256, 64 hexadecimal digits")]


class Schema(BaseModel):
    """Exactly these settings, of exactly these types."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Digits(Schema):
    """The 8 x 8 digits that come with scikit-learn."""

    kind: Literal["digits"]
    name: str = Field(min_length=1, description="the dataset's name")


class Checksums(Schema):
    """The sha256 of each published file."""

    train_images: Checksum
    train_labels: Checksum
    t10k_images: Checksum
    t10k_labels: Checksum


class Idx(Schema):
    """Four published IDX files: images and labels to train and to test."""

    kind: Literal["idx"]
    name: str = Field(min_length=1, description="the dataset's name")
    source: str | None = Field(description="null, or a directory or URL that has the four files")
    mirrors: list[str] = Field(min_length=1, description="a list of at least one URL that has the four files")
    sha256: Checksums = Field(description="the sha256 of the four published files")


class Csv(Schema):
    """A CSV with a label and the pixels of an image in each row."""

    kind: Literal["csv"]
    name: str = Field(min_length=1, description="the dataset's name")
    path: str = Field(description="the path of the CSV file")
    label: str = Field(min_length=1, description="the name of the column with the labels")
    image_shape: list[Whole] = Field(
        min_length=2, max_length=2, description="the images' rows and columns, e.g. [28,28]"
    )


DATASETS: dict[str, type[Schema]] = {"digits": Digits, "idx": Idx, "csv": Csv}


def one_of(names: Any) -> str:
    """The description of a choice."""
    return f"one of {', '.join(get_args(names))}"


class Settings(Schema):
    """One training and all that leads up to it. conf/config.yaml explains each setting."""

    dataset: Digits | Idx | Csv = Field(discriminator="kind", description="a dataset of conf/dataset")
    normalise: Normalisation = Field(description=one_of(Normalisation))
    alpha: float = Field(gt=0, allow_inf_nan=False, description="a number greater than 0")
    init: Initialisation = Field(description=one_of(Initialisation))
    init_scale: float = Field(gt=0, le=10, description="a number greater than 0 and at most 10")
    iterations: int = Field(ge=1, description="a whole number from 1")
    hidden: list[Whole] = Field(
        min_length=1, description="a list of at least one layer's size, each a whole number from 1, as [20] or [64,32]"
    )
    reduction: Reduction = Field(description=one_of(Reduction))
    batch_size: int | None = Field(ge=1, description="null for all images at once, or a whole number from 1")
    precision: Precision = Field(description=one_of(Precision))
    seed: int = Field(ge=0, description="a whole number from 0")
    fault: Fault | None = Field(description=f"null, or {one_of(Fault)}")

    def of_the_data(self) -> dict[str, Any]:
        """What decides the normalised data: not from where the dataset was fetched, as it is the same everywhere."""
        dataset = self.dataset.model_dump(exclude={"source", "mirrors"})
        return {"dataset": dataset, "normalise": self.normalise}

    def of_the_model(self) -> dict[str, Any]:
        """What decides the model, each under the name that one types: `dataset=mnist alpha=0.1`."""
        return {**self.model_dump(), "dataset": self.dataset.name}


def validate(values: Any) -> Settings:
    """The settings, or a UserError with a line for each that is wrong."""
    try:
        return Settings.model_validate(values)
    except ValidationError as problems:
        sentences = (sentence(problem["type"], problem["loc"], problem["input"]) for problem in problems.errors())
        raise UserError("\n       ".join(dict.fromkeys(sentences))) from None


def of_a_model(config: dict[str, Any], of_the_data: dict[str, Any]) -> Settings:
    """The settings that a model was trained with; from where its data was fetched, a model does not know.

    Raises UserError where this version of the code has other settings.
    """
    unknown = {"source": None, "mirrors": ["unknown"]}
    dataset = of_the_data["dataset"]
    fields = DATASETS[dataset["kind"]].model_fields
    return validate({**config, "dataset": {**dataset, **{name: unknown[name] for name in unknown if name in fields}}})


def refuse_old_names(overrides: Sequence[str]) -> None:
    """Raise UserError for an override of a setting that has another name now."""
    for override in overrides:
        name = override.partition("=")[0].lstrip("+~")
        if name in RENAMED:
            raise UserError(RENAMED[name])


def load() -> Settings:
    """The settings in params.yaml, as the stage `config` or `dvc exp run` composed them."""
    if not PARAMS.exists():
        raise UserError("params.yaml is not there: `dvc repro config` composes it from conf/")
    try:
        values = yaml.safe_load(PARAMS.read_text(encoding="utf-8"))
    except yaml.YAMLError:
        values = None
    if not isinstance(values, dict):
        raise UserError("params.yaml holds no settings: delete it, and `dvc repro` composes it anew from conf/")
    return validate(values)


def sentence(problem: str, location: tuple[int | str, ...], value: Any) -> str:
    """What is wrong with one setting, and what it can be."""
    name, schema, allowed = find(location)
    if problem == "extra_forbidden" and name in RENAMED:
        return RENAMED[name]
    if problem == "extra_forbidden":
        near = difflib.get_close_matches(name.split(".")[-1], schema.model_fields, n=1)
        guess = f"did you mean {near[0]}? " if near else ""
        return f"there is no setting {name}: {guess}Here one can set {', '.join(schema.model_fields)}"
    if problem == "missing":
        return f"{name} is not set: it must be {allowed}"
    return f"{name} can't be {json.dumps(value, default=str)}: it must be {allowed}"


def find(location: tuple[int | str, ...]) -> tuple[str, type[Schema], str]:
    """The setting at pydantic's location: its name as one types it, the schema it stands in, what it may be."""
    names: list[str] = []
    schema: type[Schema] = Settings
    allowed = ""
    for part in location:
        if names == ["dataset"] and part in DATASETS:  # no setting: it says which kind pydantic took it for
            schema = DATASETS[str(part)]
        elif isinstance(part, str):  # a number would be a place in a list
            names.append(part)
            if field := schema.model_fields.get(part):
                allowed = field.description or allowed
                if isinstance(field.annotation, type) and issubclass(field.annotation, Schema):
                    schema = field.annotation
    return ".".join(names), schema, allowed
