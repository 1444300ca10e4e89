"""The detector of a round: the weights of the last or of the best epoch, with their thresholds.

description = choose_detector(context, detector, best, variables)      # at the end of a training
"""

from orbax.checkpoint import CheckpointManager

from dimjax.detection.detector import Detector
from dimjax.progress import say
from dimjax.runs.context import RoundContext
from dimjax.runs.threshold_choice import choose_thresholds
from dimjax.training import checkpoints


def choose_detector(
    context: RoundContext, detector: Detector, best: CheckpointManager, variables: dict
) -> dict:
    """Choose the thresholds of the round's detector; complete the best checkpoint if it is that.

    Args:
      context: Round that has been trained.
      detector: Detector without variables.
      best: Checkpoint of the best epoch, if there is one.
      variables: Variables after the last epoch.

    Returns:
      The description of the last checkpoint.
    """
    epoch, epochs = best.latest_step(), context.epochs
    if epoch is None or context.config.training.checkpoint == "last":
        say(f"detector: epoch {epochs}/{epochs}, the last")
        chosen = choose_thresholds(context, detector._replace(variables=variables))
        return detector.description | chosen
    say(f"detector: epoch {epoch + 1}/{epochs}, the best in validation")
    variables = checkpoints.restore_variables(best, like=variables)
    chosen = choose_thresholds(context, detector._replace(variables=variables))
    checkpoints.complete_description(context.paths.best, chosen)
    return detector.description
