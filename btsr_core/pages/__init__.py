"""What the chapters show: tables, figures, and sentences with verdicts, from recorded numbers."""
