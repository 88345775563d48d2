"""Bench2Drive's own measures: success, merged file, efficiency, comfort and multi-ability."""
