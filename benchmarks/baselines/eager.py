"""B0: what most people run. DataLoader with PIL transforms, float32, `.item()` at every step."""

from __future__ import annotations

import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from baselines.work import MOMENTUM, Work
from vggstudy.training.data.batches import RunData, SplitTensors

LOADER_WORKERS = 2


class PilImages(Dataset):
    """Images in memory that become PIL images and then tensors, as in torchvision's CIFAR10."""

    def __init__(self, split: SplitTensors, transform: transforms.Compose) -> None:
        self.images = split.images.numpy()
        self.targets = split.targets.tolist()
        self.transform = transform

    def __len__(self) -> int:
        """Number of images."""
        return len(self.targets)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        """One image and its class."""
        return self.transform(Image.fromarray(self.images[index])), self.targets[index]


def loaders(data: RunData, batch_size: int, *, pin: bool) -> dict[str, DataLoader]:
    """A loader for each split; workers live as long as the run, which spares their start."""
    transform = transforms.Compose(
        [
            transforms.ToTensor(),
            transforms.Normalize(data.statistics.mean, data.statistics.std),
        ]
    )

    def loader(split: SplitTensors, *, train: bool = False) -> DataLoader:
        return DataLoader(
            PilImages(split, transform),
            batch_size=batch_size if train else 256,
            shuffle=train,
            drop_last=train,
            num_workers=LOADER_WORKERS,
            persistent_workers=True,
            pin_memory=pin,
        )

    return {
        "train": loader(data.train, train=True),
        "validation": loader(data.validation),
        "test": loader(data.test),
    }


def train(work: Work, replicate: int) -> tuple[float, nn.Module]:
    """One run: test accuracy and the trained network."""
    device = torch.device(work.device)
    data = work.load(replicate, torch.device("cpu"))
    torch.manual_seed(replicate)
    model = work.model(replicate, data).to(device)
    split = loaders(data, work.batch_size, pin=device.type == "cuda")
    optimizer = torch.optim.SGD(model.parameters(), lr=work.lr, momentum=MOMENTUM)
    for _ in range(work.epochs):
        one_epoch(model, split["train"], optimizer, device)
        evaluate(model, split["validation"], device)
    return evaluate(model, split["test"], device), model


def one_epoch(
    model: nn.Module,
    loader: DataLoader,
    optimizer: torch.optim.Optimizer,
    device: torch.device,
    *,
    steps: int | None = None,
) -> int:
    """An epoch, or so many steps of it; how many there were."""
    criterion = nn.CrossEntropyLoss()
    model.train()
    running_loss, correct, done = 0.0, 0, 0
    for images, targets in loader:
        images, targets = images.to(device), targets.to(device)
        optimizer.zero_grad()
        outputs = model(images)
        loss = criterion(outputs, targets)
        loss.backward()
        optimizer.step()
        running_loss += loss.item()
        correct += (outputs.argmax(dim=1) == targets).sum().item()
        done += 1
        if done == steps:
            break
    return done


def evaluate(model: nn.Module, loader: DataLoader, device: torch.device) -> float:
    """Accuracy over a loader."""
    model.eval()
    loss, correct = 0.0, 0
    with torch.no_grad():
        for images, targets in loader:
            images, targets = images.to(device), targets.to(device)
            outputs = model(images)
            loss += nn.functional.cross_entropy(outputs, targets, reduction="sum").item()
            correct += (outputs.argmax(dim=1) == targets).sum().item()
    return correct / len(loader.dataset)
