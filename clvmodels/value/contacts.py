"""What contacts are worth: the purchases they bring, at their present value, less what they cost."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clvmodels.errors import ClvError

type Array = NDArray[np.float64]


class ContactValue(NamedTuple):
    """Of a contact: present value of what it brings and of what it costs, and the money it takes, not discounted [currency]."""

    gross: Array
    cost: Array
    outlay: Array

    @property
    def net(self) -> Array:
        return self.gross - self.cost


def contact_value(
    *,
    increment: ArrayLike,
    worth: ArrayLike,
    cost: ArrayLike,
    time: ArrayLike,
    lag: ArrayLike,
    survival: ArrayLike = 1.0,
    force: float = 0.0,
    response: ArrayLike = 0.0,
    cost_on_response: float = 0.0,
    amount_ratio: ArrayLike = 1.0,
    paid_for: ArrayLike = 1.0,
) -> ContactValue:
    """Present value and cost of contacts; all arrays broadcast.

        gross = (increment + response * (amount_ratio - 1)) * worth * survival * e^(-force (time + lag))
        outlay = cost * paid_for + cost_on_response * response * survival
        cost  = outlay * e^(-force time)

    Parameters
    ----------
    increment
        P(buy within the window | contact) - P(buy | none), of a customer who is still there.
    worth
        Margin of a purchase [currency].
    cost
        Of making the contact [currency].
    time
        When it is made [period from now, >= 0].
    lag
        How long after it the purchase is made (or the contract renewed), on average [period].
    survival
        Probability that a customer of today is still there at the time of the purchase.
    force
        Force of interest [1/period].
    response
        P(buy within the window | contact): all who buy take up an offer, whether it moved them or not.
    cost_on_response
        What an offer taken up costs [currency].
    amount_ratio
        Mean amount of a purchase after a contact, relative to one without.
    paid_for
        Probability that the contact is made: 1 where nobody sees a customer leave, the probability to be still there at `time`
        where leaving is seen.

    Returns
    -------
    ContactValue

    Examples
    --------
    One contact a period at the middle of it, each answered while the customer stays, adds up to case 1 of Berger and Nasr (1998):

    >>> t = np.arange(1, 11)
    >>> paid = contact_value(increment=1.0, worth=260, survival=0.75**t, time=t - 0.5, lag=0.5, force=np.log(1.2), cost=50,
    ...                      paid_for=0.75 ** (t - 1))
    >>> round(float(260 + paid.net.sum()), 2)
    568.78
    """
    more, margin, there, bought, made, price, when, later = (
        np.asarray(v, dtype=float) for v in (increment, worth, survival, response, paid_for, cost, time, lag)
    )
    larger = bought * (np.asarray(amount_ratio) - 1.0)
    gross = (more + larger) * margin * there * np.exp(-force * (when + later))
    outlay = price * made + cost_on_response * bought * there
    return ContactValue(gross, outlay * np.exp(-force * when), outlay)


def retention_increment(*, stay: ArrayLike, stay_if_contacted: ArrayLike, controllable: ArrayLike = 1.0) -> Array:
    """What an offer adds to the probability that a customer under contract stays, never more than can be moved at all.

        min(stay_if_contacted - stay, controllable * (1 - stay))

    Its value is a `contact_value` with the residual value of the contract as `worth`, `response=stay_if_contacted` and the offer
    as `cost_on_response`: all who stay take it up.

    Parameters
    ----------
    stay, stay_if_contacted
        Probabilities to renew without and with the offer, in [0, 1].
    controllable
        Share of the risk to leave that an offer can reach, in [0, 1]: not those who move away, die or cannot pay.

    Returns
    -------
    array in [-1, 1]; negative where an offer reminds customers to leave

    Raises
    ------
    ClvError
        A probability or share is outside [0, 1].

    Examples
    --------
    >>> retention_increment(stay=0.8, stay_if_contacted=[0.9, 0.98, 0.7], controllable=0.6).round(2)
    array([ 0.1 ,  0.12, -0.1 ])
    """
    without, contacted, share = (np.asarray(v, dtype=float) for v in (stay, stay_if_contacted, controllable))
    for name, values in (("stay", without), ("stay_if_contacted", contacted), ("controllable", share)):
        if not np.all((values >= 0) & (values <= 1)):
            raise ClvError(f"{name} is outside 0 to 1 somewhere. Give probabilities, such as 0.85.")
    return np.asarray(np.minimum(contacted - without, share * (1.0 - without)))
