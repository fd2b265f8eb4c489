"""What TensorBoard loads at its start: the entry point of the Gradient flow tab.

TensorBoard does not start at all if this module cannot be imported. So it imports next
to nothing, and what it does later is guarded.
"""

from __future__ import annotations

import argparse
import logging

from tensorboard.plugins import base_plugin

logger = logging.getLogger(__name__)


class GradientFlowLoader(base_plugin.TBLoader):
    """Loads the tab; without it, if anything is wrong with it, TensorBoard starts."""

    def fix_flags(self, flags: argparse.Namespace) -> None:
        """Has the slow loader keep what the fast one does, unless told how many.

        Args:
            flags: TensorBoard's, parsed.
        """
        try:
            from deepxor.events.gradient_flow import MAX_VALUES, PLUGIN_NAME

            flags.samples_per_plugin.setdefault(PLUGIN_NAME, MAX_VALUES)
        except Exception:
            logger.warning("Gradient flow sees a sample of the records", exc_info=True)

    def load(self, context: base_plugin.TBContext) -> base_plugin.TBPlugin | None:
        """Makes the tab.

        Args:
            context: What TensorBoard offers a plugin.

        Returns:
            The tab, or None if it cannot be made; a warning says why.
        """
        try:
            from deepxor.plugin.server import GradientFlowPlugin

            return GradientFlowPlugin(context)
        except Exception:
            logger.warning("There is no Gradient flow tab", exc_info=True)
            return None
