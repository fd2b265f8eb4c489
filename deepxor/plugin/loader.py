"""The entry point of the Gradient flow tab, which TensorBoard loads when it starts.

TensorBoard does not start at all if this module cannot be imported. So the module
imports next to nothing, and catches all errors later.
"""

from __future__ import annotations

import argparse
import logging

from tensorboard.plugins import base_plugin

logger = logging.getLogger(__name__)


class GradientFlowLoader(base_plugin.TBLoader):
    """Loads the tab; if that fails, TensorBoard starts without it."""

    def fix_flags(self, flags: argparse.Namespace) -> None:
        """Makes the slow loader keep as many records as the fast one by default.

        Args:
            flags: TensorBoard's parsed flags.
        """
        try:
            from deepxor.events.gradient_flow import MAX_VALUES, PLUGIN_NAME

            flags.samples_per_plugin.setdefault(PLUGIN_NAME, MAX_VALUES)
        except Exception:
            logger.warning("Gradient flow sees a sample of the records", exc_info=True)

    def load(self, context: base_plugin.TBContext) -> base_plugin.TBPlugin | None:
        """Makes the tab.

        Args:
            context: The context that TensorBoard passes to plugins.

        Returns:
            The tab, or None if it cannot be made; a logged warning says why.
        """
        try:
            from deepxor.plugin.server import GradientFlowPlugin

            return GradientFlowPlugin(context)
        except Exception:
            logger.warning("There is no Gradient flow tab", exc_info=True)
            return None
