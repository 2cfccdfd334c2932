"""The typed schema of all settings. Hydra composes their values from conf/.

Each description says which values are allowed. Error messages quote it.
"""

from collections.abc import Iterable
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from pipeline.console.credentials import without_credentials
from pipeline.core.fast.precision import TrainingPrecision
from pipeline.core.faults import Fault
from pipeline.core.initialisation import SCHEMES
from pipeline.core.network import Reduction
from pipeline.core.normalisation import METHODS

Whole = Annotated[int, Field(ge=1)]
LayerSize = Annotated[int, Field(ge=1, le=1_000_000)]
Checksum = Annotated[str, Field(pattern="^[0-9a-f]{64}$", description="a file's sha256, 64 hexadecimal digits")]
Size = Annotated[int, Field(ge=1, description="a file's size in bytes, a whole number, 1 or more")]


def refuse_credentials(address: str) -> str:
    """Raise ValueError for an address that holds a password: settings are stored and shown."""
    if without_credentials(address) != address:
        raise ValueError("it holds credentials")
    return address


Address = Annotated[str, AfterValidator(refuse_credentials)]


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


class Sizes(Schema):
    """The size of each published file, in bytes."""

    train_images: Size
    train_labels: Size
    t10k_images: Size
    t10k_labels: Size


class Idx(Schema):
    """Four published IDX files: images and labels, for training and for testing."""

    kind: Literal["idx"]
    name: str = Field(min_length=1, description="the dataset's name")
    source: Address | None = Field(
        description="null, or a directory or URL with the four files; a user and password belong in ~/.netrc"
    )
    mirrors: list[Address] = Field(
        min_length=1, description="a list of at least one URL with the four files; passwords belong in ~/.netrc"
    )
    min_kilobytes_per_second: float = Field(gt=0, allow_inf_nan=False, description="a number greater than 0")
    bytes: Sizes = Field(description="the sizes of the four published files, in bytes")
    sha256: Checksums = Field(description="the sha256 of the four published files")


class Csv(Schema):
    """A CSV with one labelled image per row."""

    kind: Literal["csv"]
    name: str = Field(min_length=1, description="the dataset's name")
    path: str = Field(description="the path of the CSV file")
    label: str = Field(min_length=1, description="the name of the label column")
    image_shape: list[Whole] = Field(
        min_length=2, max_length=2, description="the images' rows and columns, e.g. [28,28]"
    )


# How a dataset is fetched does not change it, so models don't record it. These values stand for what is not recorded.
HOW_TO_FETCH: dict[str, Any] = {
    "source": None,
    "mirrors": ["unknown"],
    "min_kilobytes_per_second": 1,
    "bytes": dict.fromkeys(Sizes.model_fields, 1),
}

DATASETS: dict[str, type[Schema]] = {"digits": Digits, "idx": Idx, "csv": Csv}


def one_of(names: Iterable[str]) -> str:
    """The description of a choice."""
    return f"one of {', '.join(names)}"


def among(names: Iterable[str]) -> AfterValidator:
    """Check that a setting is one of the names."""

    def check(value: str) -> str:
        if value not in names:
            raise ValueError(one_of(names))
        return value

    return AfterValidator(check)


class Settings(Schema):
    """The settings of one training, data included. conf/config.yaml explains each."""

    dataset: Digits | Idx | Csv = Field(discriminator="kind", description="a dataset from conf/dataset")
    normalise: Annotated[str, among(METHODS)] = Field(description=one_of(METHODS))
    alpha: float = Field(gt=0, allow_inf_nan=False, description="a number greater than 0")
    init: Annotated[str, among(SCHEMES)] = Field(description=one_of(SCHEMES))
    init_scale: float = Field(gt=0, le=10, description="a number greater than 0 and at most 10")
    iterations: int = Field(ge=1, le=1_000_000_000, description="a whole number from 1 to 1,000,000,000")
    hidden: list[LayerSize] = Field(
        min_length=1,
        description="a list of at least one layer size (whole numbers from 1 to 1,000,000), e.g. [20] or [64,32]",
    )
    reduction: Reduction = Field(description=one_of(get_args(Reduction)))
    batch_size: int | None = Field(ge=1, description="null (all images at once) or a whole number, 1 or more")
    precision: TrainingPrecision = Field(description=one_of(get_args(TrainingPrecision)))
    seed: int = Field(ge=0, description="a whole number, 0 or more")
    fault: Fault | None = Field(description=f"null or {one_of(get_args(Fault))}")

    def of_the_data(self) -> dict[str, Any]:
        """What decides the normalised data. How the dataset was fetched does not: it is the same everywhere."""
        dataset = self.dataset.model_dump(exclude=set(HOW_TO_FETCH))
        return {"dataset": dataset, "normalise": self.normalise}

    def of_the_model(self) -> dict[str, Any]:
        """What decides the model, under the names used on the command line: `dataset=mnist alpha=0.1`."""
        return {**self.model_dump(), "dataset": self.dataset.name}
