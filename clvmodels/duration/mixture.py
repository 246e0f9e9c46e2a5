"""Several models at once: each draw of the parameters belongs to one of them.

What is averaged over draws is then a mixture of the models' predictions, in the proportions in which they share the draws, and
what is summed over customers draw by draw stays joint. Every method sends each model its own draws and puts the answers back in
place.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, NoReturn

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clvmodels.data.histories import Histories
from clvmodels.duration.attrition import LatentAttrition
from clvmodels.duration.futures import Future, Individuals, Purchases, Rates
from clvmodels.errors import ModelError
from clvmodels.history import HistoryLike
from clvmodels.model import Array
from clvmodels.units import Period


class Part(NamedTuple):
    """A component with its own draws: their parameters (the component's `Theta`, or what `each` makes of it) and places."""

    model: LatentAttrition
    theta: Any
    places: NDArray[np.intp]


class Parts(NamedTuple):
    """The draws by component; they lie along `axis`, counted from the last, of whatever is computed from them."""

    each: tuple[Part, ...]
    axis: int


@dataclass(frozen=True, repr=False)
class Mixture(LatentAttrition):
    """A mixture of duration models, which `clv.stack` makes.

    `Theta` holds for every draw the number of its component, from 0, and side by side the parameters of all components; those of
    the others are NaN. Draws need an axis that no history shares: parameters (draws,) go with customers (n, 1), parameters
    (draws, 1) with customers (n,).

    Parameters
    ----------
    components
        The models, not necessarily different.

    Examples
    --------
    >>> from clvmodels.duration.bg_nbd import BG_NBD
    >>> from clvmodels.duration.nbd import NBD
    >>> from clvmodels.history import History
    >>> from clvmodels.units import WEEK
    >>> mixture = Mixture((BG_NBD, NBD))
    >>> theta = mixture.joined([1, 0], {0: ([0.243], [4.414], [0.793], [2.426]), 1: ([0.385], [12.07])})
    >>> mixture.p_alive(theta, History(frequency=2, recency=30.43, T=38.86, period=WEEK)).round(4)
    array([1.    , 0.7266])
    """

    components: tuple[LatentAttrition, ...]

    def __post_init__(self) -> None:
        models = self.components
        if len({model.discrete for model in models}) > 1:
            counted, timed = (", ".join(m.name for m in models if m.discrete is kind) for kind in (True, False))
            raise ModelError(
                f"{counted} counts opportunities and {timed} measures time: their purchases cannot be mixed. Take one kind only."
            )
        fields = [f"{name}_{k}" for k, model in enumerate(models) for name in model.Theta._fields]
        facts = {
            "name": f"MIXTURE({', '.join(m.name for m in models)})",
            "title": models[0].title if len(models) == 1 else f"Mixture({', '.join(m.title for m in models)})",
            "source": "; ".join(dict.fromkeys(m.source for m in models)),
            "parameters": tuple(p for m in models for p in m.parameters),
            "Theta": namedtuple("Theta", ["component", *fields]),
            "reads": tuple(dict.fromkeys(name for m in models for name in m.reads)),
            "discrete": models[0].discrete,
            "past": tuple(dict.fromkeys(name for m in models for name in m.past)),
            "columns": tuple(dict.fromkeys(name for m in models for name in m.columns)),
        }
        for name, value in facts.items():
            object.__setattr__(self, name, value)

    def data(self, history: HistoryLike) -> NoReturn:
        """Not here: the models of a mixture are fitted one by one."""
        raise ModelError(f"{self.name} has no likelihood. Fit its models one by one and give the fits to clv.stack.")

    def told_apart(self, history: HistoryLike) -> list[NDArray[Any]]:
        """Whatever tells customers apart in any of the models."""
        return [column for model in self.components for column in model.told_apart(history)]

    def told_by_past(self, history: HistoryLike) -> list[NDArray[Any]]:
        """Whatever tells the future of customers alive in any of the models."""
        return [column for model in self.components for column in model.told_by_past(history)]

    def joined(self, component: ArrayLike, thetas: Mapping[int, Sequence[Any]]) -> Any:
        """`Theta` of all draws from the draws of each component.

        Parameters
        ----------
        component
            Number of the component that each draw belongs to (draws,).
        thetas
            Parameters of each component that has draws, by its number: arrays as long as it has draws.
        """
        labels = np.asarray(component, dtype=np.intp)
        columns = []
        for k, model in enumerate(self.components):
            rows = np.full((len(model.Theta._fields), labels.size), np.nan)
            if k in thetas:
                rows[:, labels == k] = np.asarray(model.theta(thetas[k]))
            columns += list(rows)
        return self.Theta(labels, *columns)

    def theta(self, values: Any) -> Any:
        """`values` (a NamedTuple, sequence or mapping) as `Theta` of arrays; every draw's own parameters are checked."""
        names = self.Theta._fields
        theta = [values[name] for name in names] if isinstance(values, Mapping) else list(values)
        if len(theta) != len(names):
            raise ModelError(f"{self.name} has {len(names)} parameters ({', '.join(names)}), not {len(theta)}.")
        arrays = self.Theta(*map(np.asarray, theta))
        for part in self._parts(arrays).each:
            part.model.theta(part.theta)
        return arrays

    def each(self, theta: Any, history: HistoryLike) -> Parts:
        """Each customer's own parameters under every draw's model; only the methods ending in `_if_alive` read them."""
        parts, axis = self._parts(theta)
        own = (part._replace(theta=part.model.each(part.theta, history)) for part in parts)
        return Parts(tuple(own), axis)

    def p_alive(self, theta: Any, history: HistoryLike) -> Array:
        """Probability under each draw's model that the customer has not left by T.

        Parameters
        ----------
        theta
            `Theta` of draws, as `joined` makes it.
        history
            Customers.

        Returns
        -------
        array in [0, 1]
        """
        return _mixed(self._parts(theta), lambda part: part.model.p_alive(part.theta, history))

    def survival_if_alive(self, theta: Parts, history: HistoryLike, horizon: ArrayLike) -> Array:
        """P(not left by T + horizon | alive at T) under each draw's model."""
        return _mixed(theta, lambda part: part.model.survival_if_alive(part.theta, history, horizon))

    def expected_purchases_if_alive(self, theta: Parts, history: HistoryLike, horizon: ArrayLike) -> Array:
        """Expected purchases in (T, T + horizon] of a customer alive, under each draw's model."""
        return _mixed(theta, lambda part: part.model.expected_purchases_if_alive(part.theta, history, horizon))

    def expected_if_alive(self, theta: Parts, history: HistoryLike, *, horizon: float, force: float) -> Array:
        """`expected_purchases_if_alive` at its present value, under each draw's model."""
        return _mixed(
            theta, lambda part: part.model.expected_if_alive(part.theta, history, horizon=horizon, force=force)
        )

    def pmf_if_alive(self, theta: Parts, history: HistoryLike, n: ArrayLike, horizon: ArrayLike) -> Array:
        """P(n purchases in (T, T + horizon] | alive at T) under each draw's model."""
        return _mixed(theta, lambda part: part.model.pmf_if_alive(part.theta, history, n, horizon))

    def rate_if_alive(self, theta: Parts, history: HistoryLike) -> Array:
        """Mean purchase rate of a customer alive, under each draw's model."""
        return _mixed(theta, lambda part: part.model.rate_if_alive(part.theta, history))

    def staying_if_alive(self, theta: Parts, history: HistoryLike, *, horizon: float, force: float) -> Array:
        """Expected purchases of a customer alive if she never left, at present value, under each draw's model."""
        return _mixed(
            theta, lambda part: part.model.staying_if_alive(part.theta, history, horizon=horizon, force=force)
        )

    def bought_if_alive(self, theta: Parts, history: HistoryLike, times: Sequence[float]) -> Iterator[Array]:
        """P(a purchase within each of some rising times | alive) under each draw's model."""
        running = [part.model.bought_if_alive(part.theta, history, times) for part in theta.each]
        places = [part.places for part in theta.each]
        for found in zip(*running, strict=True):
            yield found[0] if len(found) == 1 else _together(found, places, theta.axis)

    def _time_until_bought(self, theta: Any, history: HistoryLike, probability: float) -> Array:
        return _mixed(self._parts(theta), lambda p: p.model._time_until_bought(p.theta, history, probability))

    def individuals(self, theta: Any, history: HistoryLike, *, rng: np.random.Generator) -> Individuals:
        """What each customer's history says of her own rates under each draw's model."""
        return Individuals(*_mixed_fields(self._parts(theta), lambda p: p.model.individuals(p.theta, history, rng=rng)))

    def draw_rates(self, theta: Any, history: HistoryLike, *, seed: int | np.random.Generator) -> Rates:
        """As in the family, under each draw's model; dropout and lifetime mean what they mean in that model."""
        rng = np.random.default_rng(seed)
        return Rates(*_mixed_fields(self._parts(theta), lambda p: p.model.draw_rates(p.theta, history, seed=rng)))

    def future(self, theta: Any, history: HistoryLike, *, horizon: float, rng: np.random.Generator) -> Future:
        """Draw every customer's purchases in the coming `horizon` [period] under each draw's model.

        Parameters
        ----------
        theta, history
            Parameters (draws,) and customers (n, 1).
        """
        parts = self._parts(theta)
        futures = [part.model.future(part.theta, history, horizon=horizon, rng=rng) for part in parts.each]
        if len(futures) == 1:
            return futures[0]
        places = [part.places for part in parts.each]
        return Future(
            _together([f.p_alive for f in futures], places, parts.axis), braided([f.purchases for f in futures], places)
        )

    def simulate(self, theta: Any, *, T: ArrayLike, period: Period, seed: int | np.random.Generator) -> Histories:
        """As in the family: customers of the component that `theta` (numbers) belongs to."""
        (part,) = self._parts(theta).each
        return part.model.simulate(part.theta, T=T, period=period, seed=seed)

    def _parts(self, theta: Any) -> Parts:
        """The draws of each component that has any."""
        labels, *values = (np.asarray(v) for v in theta)
        axis = -1 - int(np.argmax(labels.shape[::-1])) if labels.ndim else -1
        if labels.size != max(labels.shape, default=1):
            raise ModelError(f"{self.name} takes draws along one axis, not {labels.shape}. Flatten them first.")
        parts, start = [], 0
        for k, model in enumerate(self.components):
            own = values[start : (start := start + len(model.Theta._fields))]
            places = np.flatnonzero(labels == k)
            if 0 < places.size < labels.size:
                own = [np.take(v, places, axis=axis) for v in own]
            if places.size:
                parts.append(Part(model, model.Theta(*own), places))
        if sum(part.places.size for part in parts) < labels.size:
            raise ModelError(
                f"{self.name}: every draw's component is a whole number from 0 to {len(self.components) - 1}."
            )
        return Parts(tuple(parts), axis)


def braided(purchases: Sequence[Purchases], places: Sequence[NDArray[np.intp]]) -> Purchases:
    """Purchases of all draws from the purchases of some of the draws each.

    Parameters
    ----------
    purchases
        Of the same customers, each of its own draws.
    places
        Where those draws lie among all; together every place once.

    Examples
    --------
    >>> one = Purchases(np.array([0, 1, 1, 3]), np.array([0.5, 0.1, 0.2]))  # one customer, three draws
    >>> two = Purchases(np.array([0, 2]), np.array([7.0, 8.0]))
    >>> braided([one, two], [np.array([0, 2, 3]), np.array([1])]).times
    array([0.5, 7. , 8. , 0.1, 0.2])
    """
    draws = sum(where.size for where in places)
    counts = [np.diff(one.offsets).reshape(-1, where.size) for one, where in zip(purchases, places, strict=True)]
    offsets = np.zeros(len(counts[0]) * draws + 1, dtype=np.int64)
    np.cumsum(_together(counts, places, -1), out=offsets[1:])
    starts, times = offsets[:-1].reshape(-1, draws), np.empty(offsets[-1])
    for one, where, count in zip(purchases, places, counts, strict=True):
        shift = starts[:, where].ravel() - one.offsets[:-1]
        times[np.repeat(shift, count.ravel()) + np.arange(one.times.size)] = one.times
    return Purchases(offsets, times)


def _mixed(parts: Parts, evaluate: Callable[[Part], Array]) -> Array:
    """What each part says of its own draws, with all draws in their places."""
    if len(parts.each) == 1:
        return evaluate(parts.each[0])
    return _together([evaluate(part) for part in parts.each], [part.places for part in parts.each], parts.axis)


def _mixed_fields(parts: Parts, evaluate: Callable[[Part], tuple[Array, ...]]) -> list[Array]:
    """As `_mixed`, field by field."""
    found = [evaluate(part) for part in parts.each]
    if len(found) == 1:
        return list(found[0])
    places = [part.places for part in parts.each]
    return [_together(field, places, parts.axis) for field in zip(*found, strict=True)]


def _together[Number: np.generic](
    values: Sequence[NDArray[Number]], places: Sequence[NDArray[np.intp]], axis: int
) -> NDArray[Number]:
    """One array of all draws from arrays of some each, which lie along `axis` (counted from the last)."""
    behind = (1,) * (-axis - 1)
    shapes = [np.broadcast_shapes(v.shape, (1, *behind)) for v in values]
    others = np.broadcast_shapes(*((*shape[:axis], 1, *shape[len(shape) + axis + 1 :]) for shape in shapes))
    size = sum(where.size for where in places)
    out = np.empty(np.broadcast_shapes(others, (size, *behind)), dtype=values[0].dtype)
    for value, where in zip(values, places, strict=True):
        chosen: tuple[Any, ...] = (..., where, *[slice(None)] * len(behind))
        out[chosen] = value
    return out
