"""Whether a derivative is wanted, and whether a transform of :mod:`torch.func` is at work.

A derivative may be wanted by autograd (``requires_grad``), by forward mode (a tangent), or by a
transform such as :func:`torch.func.grad`, which wraps the tensors. Under :func:`torch.vmap` a
tensor stands for many, so that nothing may be decided by its values. All files ask here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

_torch_c: Any = vars(torch)["_C"]
_functorch: Any = _torch_c._functorch


def is_differentiated(tensor: Tensor) -> bool:
    """Tell whether a derivative of anything may be taken with respect to this tensor.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.derivatives import is_differentiated
    >>> plain, leaf = torch.ones(2), torch.ones(2, requires_grad=True)
    >>> is_differentiated(plain), is_differentiated(leaf), is_differentiated(leaf.detach())
    (False, True, False)
    >>> with torch.no_grad():
    ...     is_differentiated(leaf)
    False
    """
    if torch.compiler.is_compiling():
        return tensor.requires_grad and torch.is_grad_enabled()
    while _functorch.is_functorch_wrapped_tensor(tensor):
        if not _functorch.is_batchedtensor(tensor):
            return True  # a tensor of torch.func.grad, vjp or jvp, or of one around it
        tensor = _functorch.get_unwrapped(tensor)
    if tensor.requires_grad and torch.is_grad_enabled():
        return True
    return forward_ad.unpack_dual(tensor).tangent is not None


def is_forward_mode() -> bool:
    """Tell whether tensors may carry tangents here.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.derivatives import is_forward_mode
    >>> with torch.autograd.forward_ad.dual_level():
    ...     is_forward_mode()
    True
    >>> is_forward_mode()
    False
    """
    return vars(forward_ad)["_current_level"] >= 0


def is_transformed() -> bool:
    """Tell whether a function of :mod:`torch.func`, :func:`torch.vmap` included, is at work.

    Then tensors have no memory of their own to read.
    """
    if torch.compiler.is_compiling():
        return False
    return _functorch.peek_interpreter_stack() is not None


def is_hidden(*tensors: Any) -> bool:
    """Tell whether :func:`torch.vmap` hides the values of some tensors among these.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.derivatives import is_hidden
    >>> told = []
    >>> _ = torch.vmap(lambda x: told.append(is_hidden(x)) or x)(torch.ones(2))
    >>> told, is_hidden(torch.ones(2))
    ([True], False)
    """
    if not is_transformed():
        return False
    return any(_levels(tensor)[1] for tensor in tensors if isinstance(tensor, Tensor))


def has_memory(tensor: Tensor) -> bool:
    """Tell whether the values of a tensor lie somewhere to read.

    They do not in transforms of :mod:`torch.func`, nor in the gradients of
    ``torch.autograd.grad(..., is_grads_batched=True)``.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.derivatives import has_memory
    >>> told = []
    >>> _ = torch.vmap(lambda x: told.append(has_memory(x)) or x)(torch.ones(2))
    >>> told, has_memory(torch.ones(2))
    ([False], True)
    """
    wrapped = _functorch.is_functorch_wrapped_tensor(tensor)
    return not wrapped and not _functorch.is_legacy_batchedtensor(tensor)


def holds(condition: Tensor) -> bool:
    """Tell whether a condition is true anywhere; False where :func:`torch.vmap` hides that.

    For complaints, of which there are none where nothing is known.
    """
    return not is_hidden(condition) and bool(condition.any())


def by_value(function: Callable[..., Tensor], *tensors: Tensor) -> Tensor:
    """Return what a function makes of the values of some tensors, as a constant.

    The function sees plain tensors without derivatives, and returns one. Under :func:`torch.vmap`
    the tensors have a batch dimension first, and so has what is returned; all items of the map
    come in that dimension.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.derivatives import by_value
    >>> def peak(x):
    ...     return torch.from_numpy(x.numpy().max(1))
    >>> torch.vmap(lambda x: by_value(peak, x))(torch.ones(3, 2, 5)).shape
    torch.Size([3, 2])
    """
    if not is_transformed():
        return function(*(tensor.detach() for tensor in tensors))
    found = [_levels(tensor) for tensor in tensors]
    sizes = {n: value.shape[i] for value, own in found for i, n in enumerate(own)}
    levels = sorted(sizes)
    lead = [sizes[n] for n in levels]
    with _functorch_off():
        values: list[Tensor] = []
        for value, own in found:
            shape = [sizes[n] if n in own else 1 for n in levels] + [*value.shape[len(own) :]]
            whole = value.reshape(shape).expand(*lead, *shape[len(lead) :])
            values.append(whole.reshape(-1, *whole.shape[len(lead) + 1 :]))
        result = function(*values)
        result = result.reshape(*lead, -1, *result.shape[1:])
    for level in levels:
        result = _functorch._add_batch_dim(result, 0, level)
    return result


def value_of(tensor: Tensor) -> Tensor:
    """Return a tensor that is not mapped over as a plain one without derivatives."""
    return _levels(tensor)[0]


def _levels(tensor: Tensor) -> tuple[Tensor, list[int]]:
    """Return the innermost tensor, detached, and the levels of vmap of its first dimensions."""
    places: list[int] = []
    levels: list[int] = []
    with _functorch_off():
        while _functorch.is_functorch_wrapped_tensor(tensor):
            if _functorch.is_batchedtensor(tensor):
                places.insert(0, _functorch.maybe_get_bdim(tensor))
                levels.insert(0, _functorch.maybe_get_level(tensor))
            tensor = _functorch.get_unwrapped(tensor)
        tensor = tensor.detach()
        for i, place in enumerate(places):
            tensor = tensor.movedim(place + i, i)
    return tensor, levels


def _functorch_off() -> Any:
    return _torch_c._DisableFuncTorch()
