"""What `train` and `distill` read of their options, and the options by the settings of a run."""

import json
import math
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, Final

import typer

from train.full_model.choices import PLUGINS, BackboneChoice, PluginName

RUN_OPTIONS: Final[Mapping[str, str]] = {
    "data_digest": "--data",
    "n_items": "--data",
    "teacher": "--run",
    "further_teachers": "--run",
    "plan": "--ranking-budget",
    "n_blocks": "--ranking-budget",
    "warm_from": "--warm-from",
    "code_gain": "--code-gain",
    "config.backbone": "--backbone",
    "config.backbone_settings": "--backbone-settings",
    "config.plugins": "--plugins, --plugin-settings",
    "config.extractors.text": "--text",
    "config.extractors.image": "--image",
    "config.encoder.dim": "--dim",
    "config.encoder.max_length": "--max-length",
    "config.fit.seed": "--seed",
    "config.fit.max_epochs": "--max-epochs",
    "config.fit.patience": "--patience",
    "config.fit.cool_down_epochs": "--cool-down",
    "config.fit.batch_users": "--batch-users",
    "config.learning_rate": "--learning-rate",
    "config.extractors.fitted_items": "--warm-from",
    "config.dropout": "--dropout",
}
"""Options by the setting of a run that they determine, for messages about runs with other settings."""


def chosen_plugins(names: str, settings: str) -> dict[PluginName, dict[str, Any]]:
    """Return the settings of each requested plug-in; the name ``none`` requests no plug-in.

    Raises:
        typer.BadParameter: a name is unknown or repeated, or the settings are not a JSON object, name a plug-in that
            was not requested, or are not accepted by the plug-in.
    """
    wanted = [] if names.strip() == "none" else [name.strip() for name in names.split(",") if name.strip()]
    unknown = sorted(set(wanted) - set(PLUGINS))
    if unknown or len(set(wanted)) != len(wanted):
        near = [name for each in unknown for name in get_close_matches(each, PLUGINS, n=1)]
        meant = f"; did you mean {', '.join(near)}?" if near else ""
        raise typer.BadParameter(
            f"expected names of {', '.join(sorted(PLUGINS))}, each once, got {names!r}{meant}", param_hint="--plugins"
        )
    found = _object(settings, "--plugin-settings")
    fits = all(isinstance(value, dict) for value in found.values())
    if not fits or found.keys() - set(wanted):
        raise typer.BadParameter(
            f"expected one object for each of {wanted}, got {settings}", param_hint="--plugin-settings"
        )
    chosen = {name: found.get(name, {}) for name in PLUGINS if name in wanted}

    from train.errors import RunError
    from train.full_model.recipes import plugin_factory

    try:
        for name, values in chosen.items():
            plugin_factory(name, values)
    except RunError as error:
        raise typer.BadParameter(str(error), param_hint="--plugin-settings") from error
    return chosen


def checked_backbone_settings(name: BackboneChoice, text: str) -> dict[str, Any]:
    """Return a backbone's settings.

    Raises:
        typer.BadParameter: they are no JSON object, or not such as the backbone takes.
    """
    from train.errors import RunError
    from train.full_model.recipes import check_backbone

    settings = _object(text, "--backbone-settings")
    try:
        check_backbone(name, settings)
    except RunError as error:
        raise typer.BadParameter(str(error), param_hint="--backbone-settings") from error
    return settings


def _object(text: str, option: str) -> dict[str, Any]:
    try:
        found = json.loads(text, parse_constant=_finite, parse_float=_finite, parse_int=_integer)
    except (ValueError, RecursionError) as error:
        raise typer.BadParameter(f"is not JSON: {error}", param_hint=option) from error
    if not isinstance(found, dict):
        raise typer.BadParameter(f"expected an object, such as {{}}, got {text}", param_hint=option)
    return found


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"found {text}, expected a finite number")
    return number


def _integer(text: str) -> int:
    _finite(text)  # a larger one cannot become a float
    return int(text)
