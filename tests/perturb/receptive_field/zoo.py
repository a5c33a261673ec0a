"""Small networks that do one thing each that sharing must get right or refuse."""

import torch
from torch import nn
from torch.nn import functional as F

FREQ, TIME = 12, 40


class Function(nn.Module):
    """Layers by name and a forward pass written as a function of them."""

    def __init__(self, forward, **layers):
        super().__init__()
        for name, layer in layers.items():
            setattr(self, name, layer)
        self._forward = forward

    def forward(self, x):
        return self._forward(self, x)


def plain(m, x):
    x = F.max_pool2d(F.relu(m.bn(m.a(x[:, None]))), 2)
    return m.head(F.leaky_relu(m.b(x)).mean((2, 3)))


def residual(m, x):
    x = torch.relu(m.a(x[:, None]))
    y = m.bn(m.b(x))
    y += x
    return m.head((y.relu_() + m.skip(x)).amax((2, 3)))


def squeeze_and_excitation(m, x):
    x = F.silu(m.a(x[:, None]))
    gate = torch.sigmoid(m.up(torch.relu(m.down(F.adaptive_avg_pool2d(x, 1)))))
    return m.head((m.b(x * gate) + x).flatten(2).mean(2))


def strided_and_dilated(m, x):
    x = F.gelu(m.a(x[:, None].contiguous(memory_format=torch.channels_last)))
    return m.head(F.elu(m.b(x)).mean(2).max(2).values)


def grouped(m, x):
    x = F.hardtanh(m.b(F.prelu(m.a(x[:, None]), m.slope)))
    return m.head(torch.cat([x, torch.tanh(x)], 1).sum((2, 3)))


def average_pools(m, x):
    x = F.avg_pool2d(torch.relu(m.a(x[:, None])), 3, 2, 1, ceil_mode=True, count_include_pad=False)
    x = F.avg_pool2d(m.b(x), (2, 3), (2, 3), (1, 1), ceil_mode=True, count_include_pad=True)
    return m.head(F.adaptive_max_pool2d(x, 1).flatten(1))


def max_pools(m, x):
    x = F.max_pool2d(m.a(x[:, None]), 3, 2, 1, ceil_mode=True)
    return m.head(F.max_pool2d(m.b(x), 2, 1, dilation=2).amax(dim=(-1, -2)))


def freq_as_channels(m, x):
    x = F.max_pool1d(torch.relu(m.bn(m.a(x))), 2)
    return m.head(torch.cat([F.avg_pool1d(m.b(x), 3, 2).mean(2), x.amax(2)], 1))


def transposed_and_flattened(m, x):
    x = m.a(((x - m.mean[:, None]) * m.scale[:, None]).transpose(1, 2).unsqueeze(1))
    x = F.max_pool2d(F.relu(x), (4, 3)).permute(0, 2, 3, 1)
    return m.head(F.relu(m.dense(x.flatten(1))))


def gated(m, x):
    first, second = m.a(F.pad(x[:, None], (2, 1, 1, 0), value=-1.0)).chunk(2, 1)
    x = m.b(first * second.sigmoid())[:, :, 1:, 2:-1:2]
    return m.head(x.clamp(-1, 1).pow(2).mean(-1).mean(-1) + x[:, :, 0, 0] + x[..., -1].sum(2))


def over_frames(m, x):
    frames = F.layer_norm(x.transpose(1, 2), (FREQ,), m.weight)
    x = F.log_softmax(m.dense(frames), -1)
    x = m.a(x.transpose(1, 2)) * m.envelope
    return m.head((x + x.mean(1, keepdim=True)).mean(2))


def recurrent_head(m, x):
    x = torch.relu(m.a(x[:, None])).mean(2).transpose(1, 2)
    return m.head(m.gru(x)[0][:, -1])


def attention_head(m, x):
    x = F.max_pool2d(m.a(x[:, None]), 2).mean(2).transpose(1, 2)
    weights = torch.softmax(m.score(x), 1)
    attended = F.scaled_dot_product_attention(x, x, x)
    return m.head((weights * x).sum(1) + attended.mean(1))


def instance_norm(m, x):
    x = F.instance_norm(m.a(x[:, None]))
    return m.head(F.relu(m.b(x)).mean((2, 3)))


def group_norm(m, x):
    x = m.norm(m.a(x[:, None]))
    return m.head(F.relu(m.b(x)).std((2, 3)))


def envelopes(m, x):
    x = F.interpolate(m.a(x[:, None]), scale_factor=2) * m.plane
    return m.head(m.b(x).mean((2, 3)))


def returns_maps(m, x):
    return m.b(torch.relu(m.a(x[:, None])))


def written_into(m, x):
    padded = x.new_zeros(len(x), 1, FREQ + 2, TIME)
    padded[:, :, 1:-1] = x[:, None]
    return m.head(m.a(padded).mean((2, 3)))


def conv(n_in, n_out, size=3, **settings):
    return nn.Conv2d(n_in, n_out, size, **settings)


def norm(layer):
    generator = torch.Generator().manual_seed(5)
    for tensor in (layer.weight.data, layer.bias.data, layer.running_mean, layer.running_var):
        tensor.copy_(torch.rand(tensor.shape, generator=generator) + 0.5)
    return layer


def networks():
    """Return {name: network}, double precision, evaluation mode, always with the same weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        made = {
            "plain": Function(plain, a=conv(1, 4, padding=1), bn=norm(nn.BatchNorm2d(4)), b=conv(4, 6),
                              head=nn.Linear(6, 2)),
            "residual": Function(residual, a=conv(1, 4, padding=1), b=conv(4, 4, padding=1), skip=conv(4, 4, 1),
                                 bn=norm(nn.BatchNorm2d(4)), head=nn.Linear(4, 2)),
            "squeeze_and_excitation": Function(squeeze_and_excitation, a=conv(1, 4, padding=1), down=conv(4, 2, 1),
                                               up=conv(2, 4, 1), b=conv(4, 4, padding=1), head=nn.Linear(4, 2)),
            "strided_and_dilated": Function(
                strided_and_dilated, a=conv(1, 4, (5, 4), stride=2, padding=2).to(memory_format=torch.channels_last),
                b=conv(4, 6, 3, dilation=(1, 3), padding="same"), head=nn.Linear(6, 2)),
            "grouped": Function(grouped, a=conv(1, 4, stride=(1, 4)), b=conv(4, 8, groups=2, padding=(1, 2)),
                                head=nn.Linear(16, 2)),
            "average_pools": Function(average_pools, a=conv(1, 3), b=conv(3, 3, padding=1), head=nn.Linear(3, 2)),
            "max_pools": Function(max_pools, a=conv(1, 3), b=conv(3, 3, padding=1), head=nn.Linear(3, 2)),
            "many_channels": Function(plain, a=conv(1, 40, padding=1), bn=norm(nn.BatchNorm2d(40)),
                                      b=conv(40, 5, (5, 3), padding=1), head=nn.Linear(5, 2)),
            "freq_as_channels": Function(freq_as_channels, a=nn.Conv1d(FREQ, 8, 5, padding=2, stride=2),
                                         bn=norm(nn.BatchNorm1d(8)), b=nn.Conv1d(8, 6, 3), head=nn.Linear(14, 2)),
            "transposed_and_flattened": Function(transposed_and_flattened, a=conv(1, 4, padding=1),
                                                 dense=nn.Linear(4 * 10 * 4, 7), head=nn.Linear(7, 2)),
            "gated": Function(gated, a=conv(1, 8), b=conv(4, 4, 2), head=nn.Linear(4, 2)),
            "over_frames": Function(over_frames, dense=nn.Linear(FREQ, 6), a=nn.Conv1d(6, 6, 3, padding=1),
                                    head=nn.Linear(6, 2)),
            "recurrent_head": Function(recurrent_head, a=conv(1, 4), gru=nn.GRU(4, 5, batch_first=True),
                                       head=nn.Linear(5, 2)),
            "attention_head": Function(attention_head, a=conv(1, 4), score=nn.Linear(4, 1), head=nn.Linear(4, 2)),
            "instance_norm": Function(instance_norm, a=conv(1, 3), b=conv(3, 4), head=nn.Linear(4, 2)),
            "group_norm": Function(group_norm, a=conv(1, 4), norm=nn.GroupNorm(2, 4), b=conv(4, 4),
                                   head=nn.Linear(4, 2)),
            "envelopes": Function(envelopes, a=conv(1, 3, padding=1), b=conv(3, 4), head=nn.Linear(4, 2)),
            "returns_maps": Function(returns_maps, a=conv(1, 3), b=conv(3, 2, stride=3)),
            "written_into": Function(written_into, a=conv(1, 4), head=nn.Linear(4, 2)),
        }
        made["grouped"].slope = nn.Parameter(torch.rand(4))
        made["transposed_and_flattened"].mean = nn.Parameter(torch.rand(FREQ))
        made["transposed_and_flattened"].scale = nn.Parameter(torch.rand(FREQ))
        made["over_frames"].weight = nn.Parameter(torch.rand(FREQ))
        made["over_frames"].envelope = nn.Parameter(torch.rand(TIME))
        made["envelopes"].plane = nn.Parameter(torch.rand(2 * FREQ, 2 * TIME))
    return {name: network.eval().double() for name, network in made.items()}
